#include "nn/mla.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/nn/attention_reference.h"

namespace orrery {
namespace {

constexpr int kModel = 16, kLatent = 16, kTokens = 5;

const std::vector<uint8_t> kDomains = {0, 1, 1, 0, 2};
constexpr double kGateWeight = 0.25;

double gate(double logit) { return std::clamp(1.2 / (1 + std::exp(-logit)) - 0.1, 0.0, 1.0); }

constexpr int kRank = 8;

// The layer in f64. p: q, kv, latent gain, expand, out, bias, gates, adapters of q, kv and out, as declared.
struct MlaReference {
  AttentionDims d;
  std::vector<Place> places;
  std::vector<Doubles> p;
  Doubles x;

  bool relative = false;

  void rotate(double* v, const Place& place, bool back = false) const {
    for (int i = 0; i < kRopeDim / 2; ++i) {
      const double wavelength = 0.5 * std::pow(40.0, double(i % kRopeWavelengths) / (kRopeWavelengths - 1));
      const double angle =
          place.known ? 2 * M_PI / wavelength * (i < kRopeWavelengths ? place.x : place.y) : 0;
      const double a = v[i], b = v[kRopeDim / 2 + i];
      const double sine = back ? -std::sin(angle) : std::sin(angle);
      v[i] = a * std::cos(angle) - b * sine;
      v[kRopeDim / 2 + i] = a * sine + b * std::cos(angle);
    }
  }

  // y += what the tokens' domains add: p[first] down and up of the linguistic, then of the visual domain.
  void adapt(const Doubles& from, size_t first, int in, int out, Doubles& y) const {
    if (p.size() <= first) return;
    for (int domain = 0; domain < 2; ++domain) {
      const Doubles added = linear_reference(linear_reference(from, p[first + 2 * domain], in, kRank), p[first + 2 * domain + 1], kRank, out);
      for (int t = 0; t < kTokens; ++t)
        for (int i = 0; i < out; ++i)
          if (kDomains[t] == domain) y[t * out + i] += added[t * out + i];
    }
  }

  Doubles forward(const AttentionPlan& plan) const {
    AttentionReference a;
    a.bias = p[5];
    a.relative = relative;
    a.q = linear_reference(x, p[0], kModel, d.heads * d.qk());
    adapt(x, 7, kModel, d.heads * d.qk(), a.q);
    Doubles kv = linear_reference(x, p[1], kModel, kLatent + d.rope), latent(kTokens * kLatent);
    adapt(x, 11, kModel, kLatent + d.rope, kv);
    for (int t = 0; t < kTokens; ++t) {
      for (int h = 0; h < d.heads; ++h) rotate(&a.q[(t * d.heads + h) * d.qk() + d.nope], places[t]);
      double* row = &kv[t * (kLatent + d.rope)];
      rotate(row + kLatent, places[t]);
      a.k_rope.insert(a.k_rope.end(), row + kLatent, row + kLatent + d.rope);
      double squares = 0;
      for (int i = 0; i < kLatent; ++i) squares += row[i] * row[i];
      for (int i = 0; i < kLatent; ++i)
        latent[t * kLatent + i] = p[2][i] * row[i] / std::sqrt(squares / kLatent + 1e-6);
    }
    const int keys = d.heads * d.nope, values = d.heads * d.value;
    const Doubles expanded = linear_reference(latent, p[3], kLatent, keys + values);
    for (int t = 0; t < kTokens; ++t) {
      const double* row = &expanded[t * (keys + values)];
      a.k_nope.insert(a.k_nope.end(), row, row + keys);
      a.v.insert(a.v.end(), row + keys, row + keys + values);
    }
    Doubles attended = a.forward(plan, d);
    const int width = int(a.width(d));
    for (int t = 0; t < kTokens; ++t)
      for (int i = values; i < width; i += d.rope) rotate(&attended[t * width + i], places[t], true);
    for (int t = 0; t < kTokens; ++t)
      for (int i = 0; i < width; ++i)
        attended[t * width + i] *= gate(p[6][kDomains[t] * d.heads + (i < values ? i / d.value : (i - values) / d.rope)]);
    Doubles y = linear_reference(attended, p[4], width, kModel);
    adapt(attended, 15, width, kModel, y);
    return y;
  }
  double penalty() const {
    double sum = 0;
    for (double logit : p[6]) sum += kGateWeight * gate(logit);
    return sum;
  }
};

struct MlaCase {
  Rng rng{1};
  ParameterList list;
  MlaLayer layer;
  AttentionPlan plan;
  std::vector<Place> places;
  Rows<float> rope, x, dy;
  Rows<bf16> half;
  MlaCache cache;
  explicit MlaCase(bool options = false) {
    layer.declare(list, "attention", {kModel, {2, 16, kRopeDim, 16}, kLatent, 3, kGateWeight, options, options ? kRank : 0}, rng);
    for (Parameter* p : list.all()) fill_exact(rng, p == &layer.latent_norm.gain ? 1 : 0.3, *p);
    for (int t = 0; t < kTokens; ++t)
      places.push_back({float(rng.uniform(0, 3)), float(rng.uniform(0, 3)), t != 1});
    rope_table(places, rope);
    std::vector<uint8_t> table(kTokens * kTokens);
    for (int i = 0; i < kTokens; ++i)
      for (int j = 0; j < kTokens; ++j)
        table[i * kTokens + j] = j > i ? kMasked : uint8_t(std::min(i - j, kTimeBuckets - 1));
    plan.add(kTokens, kTokens, table);
    x = exact_rows(rng, kTokens, kModel);
    dy = exact_rows(rng, kTokens, kModel);
    to_bf16(x, half);
  }
  MlaReference reference() const {
    MlaReference r{layer.config.dims, places, {}, doubles(x), layer.config.relative_values};
    for (const Parameter* p : list.all()) r.p.push_back(doubles(p->value));
    return r;
  }
};

class MlaForms : public testing::TestWithParam<bool> {};  // with relative values and adapters or without
INSTANTIATE_TEST_SUITE_P(Options, MlaForms, testing::Bool());

// Roundings to bf16 in a row: the latent, what attention gives.
TEST_P(MlaForms, ForwardMatchesTheReference) {
  MlaCase c(GetParam());
  MlaCache cache;
  Rows<float> y;
  mla_forward(c.layer, c.plan, c.rope, c.half, kDomains, cache, y);
  EXPECT_LT(relative_error(y, c.reference().forward(c.plan)), 2 * kHalfRounding);
}

// Those, and dy, d attended, d expanded, d latent and q on the way back.
TEST_P(MlaForms, BackwardMatchesFiniteDifferences) {
  MlaCase c(GetParam());
  MlaCache cache;
  Rows<float> y, dx;
  mla_forward(c.layer, c.plan, c.rope, c.half, kDomains, cache, y);
  mla_backward(c.layer, c.plan, c.rope, c.half, kDomains, cache, c.dy, dx);
  MlaReference r = c.reference();
  const auto loss = [&] { return dot(r.forward(c.plan), doubles(c.dy)) + r.penalty(); };
  EXPECT_LT(relative_error(dx, numeric_gradient(r.x, loss)), 5 * kHalfRounding);
  for (size_t k = 0; k < r.p.size(); ++k)
    EXPECT_LT(relative_error(c.list.all()[k]->gradient, numeric_gradient(r.p[k], loss)), 5 * kHalfRounding)
        << c.list.all()[k]->name;
}

TEST_P(MlaForms, TokensThatAttendToTheCacheOneByOneGiveTheSame) {
  MlaCase c(GetParam());
  MlaCache cache, scratch;
  Rows<float> y, rows, last;
  mla_forward(c.layer, c.plan, c.rope, c.half, kDomains, cache, y);
  mla_latent_rows(c.layer, c.rope, c.half, kDomains, c.cache, rows);
  for (int t = 0; t < kTokens; ++t) {
    Rows<bf16> one;
    one.resize(1, kModel);
    std::copy_n(c.half.row(t), kModel, one.row(0));
    Rows<float> rope;
    rope_table(std::span(&c.places[t], 1), rope);
    AttentionPlan plan;
    plan.add(1, kTokens, {c.plan.bucket.begin() + t * kTokens, c.plan.bucket.begin() + (t + 1) * kTokens});
    mla_attend(c.layer, plan, rope, one, rows, std::span(kDomains).subspan(size_t(t), 1), 0, scratch, last);
    // The same numbers, but other products: a sum on the edge between two bf16 may fall to the other side.
    EXPECT_LT(relative_error({last.row(0), kModel}, doubles({y.row(t), kModel})), kHalfRounding) << t;
  }
}

// Both orders of the products, and both at once where sequences of one pass choose differently.
TEST_P(MlaForms, AbsorbedAndExpandedFormsAgree) {
  MlaCase c(GetParam());
  Rows<float> rows, expanded, absorbed;
  mla_latent_rows(c.layer, c.rope, c.half, kDomains, c.cache, rows);
  MlaCache scratch;
  mla_attend(c.layer, c.plan, c.rope, c.half, rows, kDomains, 0, scratch, expanded, MlaForm::kExpanded);
  mla_attend(c.layer, c.plan, c.rope, c.half, rows, kDomains, 0, scratch, absorbed, MlaForm::kAbsorbed);
  EXPECT_LT(relative_error(absorbed, doubles(expanded)), 2 * kHalfRounding);
  EXPECT_LT(relative_error(absorbed, c.reference().forward(c.plan)), 2 * kHalfRounding);
}

TEST(Mla, AFormIsChosenByTheSequencesOwnSize) {
  const MlaConfig config{256, {8, 32, 32, 32}, 64};
  EXPECT_EQ(faster_form(config, 1, 60), MlaForm::kAbsorbed);
  EXPECT_EQ(faster_form(config, 240, 260), MlaForm::kExpanded);
  // One query over 200 keys beside 40 over 40: each as alone.
  Rng rng(4);
  ParameterList list;
  MlaLayer layer;
  layer.declare(list, "attention", {kModel, {2, 16, kRopeDim, 16}, kLatent, 3, kGateWeight}, rng);
  const std::vector<std::pair<int64_t, int64_t>> sizes = {{1, 200}, {40, 40}, {2, 100}};
  ASSERT_NE(faster_form(layer.config, 1, 200), faster_form(layer.config, 40, 40));
  AttentionPlan all;
  int64_t queries = 0, keys = 0;
  for (const auto& [nq, nk] : sizes) all.add(nq, nk, std::vector<uint8_t>(size_t(nq * nk), 1)), queries += nq, keys += nk;
  const std::vector<Place> places(size_t(queries), Place{1, 2, true});
  Rows<float> rope, together, alone;
  rope_table(places, rope);
  Rows<bf16> x;
  to_bf16(exact_rows(rng, int(queries), kModel), x);
  const Rows<float> kv = exact_rows(rng, int(keys), kLatent + kRopeDim);
  const std::vector<uint8_t> domain(size_t(queries), 1);
  MlaCache scratch;
  mla_attend(layer, all, rope, x, kv, domain, 0, scratch, together);
  for (int64_t s = 0, q0 = 0, k0 = 0; s < 3; q0 += sizes[s].first, k0 += sizes[s].second, ++s) {
    const auto [nq, nk] = sizes[s];
    AttentionPlan plan;
    plan.add(nq, nk, std::vector<uint8_t>(size_t(nq * nk), 1));
    Rows<bf16> own;
    Rows<float> own_kv, own_rope;
    own.resize(nq, kModel), own_kv.resize(nk, kv.cols()), own_rope.resize(nq, rope.cols());
    std::copy_n(x.row(q0), nq * kModel, own.data());
    std::copy_n(kv.row(k0), nk * kv.cols(), own_kv.data());
    std::copy_n(rope.row(q0), nq * rope.cols(), own_rope.data());
    mla_attend(layer, plan, own_rope, own, own_kv, std::span(domain).first(size_t(nq)), 0, scratch, alone);
    EXPECT_LT(relative_error({together.row(q0), size_t(nq * kModel)}, doubles({alone.data(), size_t(nq * kModel)})), kHalfRounding) << s;
  }
}

// Tokens of the physical domain are projected as if there were no adapters.
TEST(Mla, AdaptersLeaveThePhysicalDomainAlone) {
  MlaCase c(true);
  const std::vector<uint8_t> physical(kTokens, uint8_t(Domain::kPhysical));
  Rows<float> with, without;
  mla_forward(c.layer, c.plan, c.rope, c.half, physical, c.cache, with);
  for (Parameter* p : c.list.all())
    if (p->name.find(".adapter.") != std::string::npos) init_constant(*p, 0), p->refresh();
  mla_forward(c.layer, c.plan, c.rope, c.half, physical, c.cache, without);
  EXPECT_TRUE(std::equal(with.data(), with.data() + with.rows() * with.cols(), without.data()));
}

// A head that every domain closes leaves no trace, forward or backward, and is not computed.
TEST(Mla, ClosedHeadsAreLeftOut) {
  MlaCase c;
  for (int domain = 0; domain < 3; ++domain) c.layer.gates.logit.value[domain * 2] = -6;
  MlaCache cache;
  Rows<float> y, dx;
  mla_forward(c.layer, c.plan, c.rope, c.half, kDomains, cache, y);
  EXPECT_EQ(cache.open, (std::vector<uint8_t>{0, 1}));
  EXPECT_LT(relative_error(y, c.reference().forward(c.plan)), 2 * kHalfRounding);
  mla_backward(c.layer, c.plan, c.rope, c.half, kDomains, cache, c.dy, dx);
  MlaReference r = c.reference();
  const auto loss = [&] { return dot(r.forward(c.plan), doubles(c.dy)) + r.penalty(); };
  EXPECT_LT(relative_error(dx, numeric_gradient(r.x, loss)), 5 * kHalfRounding);
  const auto& dq = c.layer.q.weight.gradient;
  const int64_t head_weights = c.layer.config.dims.qk() * kModel;
  EXPECT_TRUE(std::all_of(dq.begin(), dq.begin() + head_weights, [](float g) { return g == 0; }));
  EXPECT_FALSE(std::all_of(dq.begin() + head_weights, dq.end(), [](float g) { return g == 0; }));
}

// At run time a threshold closes what is hardly open; the cost of a domain that needs few heads falls with it.
TEST(Mla, ThresholdClosesHeadsOfADomain) {
  MlaCase c;
  c.layer.gates.logit.value = {2, -1.5, 2, 2, 2, 2};  // [domain][head]; domain 0 opens head 1 by 0.12
  Rows<float> rows, open, closed;
  mla_latent_rows(c.layer, c.rope, c.half, kDomains, c.cache, rows);
  MlaCache scratch;
  const std::vector<uint8_t> text(kTokens, 0);
  mla_attend(c.layer, c.plan, c.rope, c.half, rows, text, 0, scratch, open);
  EXPECT_EQ(scratch.open, (std::vector<uint8_t>{1, 1}));
  mla_attend(c.layer, c.plan, c.rope, c.half, rows, text, 0.2f, scratch, closed);
  EXPECT_EQ(scratch.open, (std::vector<uint8_t>{1, 0}));
  c.layer.gates.logit.value[1] = -6;
  mla_attend(c.layer, c.plan, c.rope, c.half, rows, text, 0, scratch, open);
  EXPECT_TRUE(std::equal(open.data(), open.data() + open.rows() * open.cols(), closed.data()));
}

}  // namespace
}  // namespace orrery
