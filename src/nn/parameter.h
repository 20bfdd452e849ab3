// Trained tensors: f32 master, bf16 copy for the GEMMs, f32 gradient. A model is a list of these by name.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/rng.h"
#include "core/safetensors.h"
#include "tensor/bf16.h"

namespace orrery {

class Int8Weight;    // tensor/int8_matmul.h
class PackedCopies;  // tensor/dnnl_runtime.h

struct Parameter {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> value;     // f32 master
  std::vector<bf16> half;       // value rounded; refresh() after every change of value
  std::vector<float> gradient;  // same size as value; empty in inference
  std::shared_ptr<const Int8Weight> int8;  // products run in int8 with these codes; null: in bf16
  std::shared_ptr<PackedCopies> packed;     // of half, for products; made by refresh() and half_changed()
  bool decay = true;            // weight decay applies (matrices: yes; gains, biases, embeddings: no)
  int64_t size() const { return int64_t(value.size()); }
  void half_changed();          // after half was written in place: copies in other orders and codes are of older values
  void refresh();               // value -> half; codes of an older value go
  void zero_gradient();         // allocates on first use
};

// A model's parameters in declaration order. Pointers stay valid as long as the model lives.
class ParameterList {
 public:
  void add(Parameter& parameter, const std::string& name, std::vector<int64_t> shape, bool decay = true);
  const std::vector<Parameter*>& all() const { return parameters_; }
  // Those whose name begins with the prefix: to train a part of a model.
  ParameterList subset(const std::string& prefix) const;
  ParameterList matching(const std::string& pattern) const;  // names in which this regular expression is found
  int64_t total_size() const;
  void refresh();
  void zero_gradients();
  // Reads every parameter from the file, whatever its weight type (quantize.h). Error names what is missing or misshapen.
  // Where the file's metadata say `products` = `int8`, its int8 matrices are multiplied as they are.
  void load(const SafetensorsFile& file, const std::string& prefix = "");
  // The same from a smaller model's file: what it lacks, or is larger here, keeps its values.
  void load_into_larger(const SafetensorsFile& file);
  void save(SafetensorsWriter& writer, DType dtype, const std::string& prefix = "") const;

 private:
  std::vector<Parameter*> parameters_;
};

// Uniform with standard deviation gain / sqrt(fan_in): vectorised, since every load pays for it.
void init_uniform(Parameter& parameter, int64_t fan_in, double gain, Rng& rng);
void init_constant(Parameter& parameter, float value);

}  // namespace orrery
