#include "tensor/dnnl_runtime.h"

namespace orrery {

dnnl::engine& dnnl_engine() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& dnnl_stream() {
  static thread_local dnnl::stream stream(dnnl_engine());
  return stream;
}

std::string dnnl_version_text() {
  const dnnl_version_t* v = dnnl_version();
  return std::to_string(v->major) + '.' + std::to_string(v->minor) + '.' + std::to_string(v->patch);
}

std::string instruction_set() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core_amx: return "AMX";
    case dnnl::cpu_isa::avx512_core_bf16: return "AVX-512 bf16";
    case dnnl::cpu_isa::avx512_core_vnni: return "AVX-512 VNNI";
    case dnnl::cpu_isa::avx512_core: return "AVX-512";
    case dnnl::cpu_isa::avx2_vnni: return "AVX2 VNNI";
    case dnnl::cpu_isa::avx2: return "AVX2";
    case dnnl::cpu_isa::avx: return "AVX";
    default: return "SSE4.1";
  }
}

dnnl::memory PackedCopies::get(const dnnl::memory::desc& order, const dnnl::memory::desc& plain, const void* data) {
  std::lock_guard lock(mutex_);
  for (const dnnl::memory& m : copies_)
    if (m.get_desc() == order) return m;
  dnnl::memory from(plain, dnnl_engine(), const_cast<void*>(data)), to(order, dnnl_engine());
  dnnl::reorder(from, to).execute(dnnl_stream(), from, to);
  dnnl_stream().wait();
  copies_.push_back(to);
  return to;
}

void NameSet::add(std::string name) {
  std::lock_guard lock(mutex_);
  names_.insert(std::move(name));
}

std::vector<std::string> NameSet::all() const {
  std::lock_guard lock(mutex_);
  return {names_.begin(), names_.end()};
}

bool cpu_has_bf16() {
  static const bool has = instruction_set() == "AMX" || instruction_set().starts_with("AVX-512");
  return has;
}

}  // namespace orrery
