#include "runtime/matmul.h"

#include <algorithm>

namespace w4a16 {
namespace {

// Activations are packed in blocks of rows that take about this much.
constexpr size_t kPackedBytes = size_t{32} << 20;
// A product of fewer multiply-adds is done before another thread would have woken.
constexpr size_t kSerialWork = size_t{1} << 18;
// Few rows: tasks of two tiles, which the one-row kernels compute together.
constexpr size_t kPairedRows = 2;
constexpr size_t kFewRows = 32;
// So few that reading the codes takes longest: the longer a task's runs of them, the better.
constexpr size_t kStreamedRows = 4;

size_t ceilDiv(size_t value, size_t unit) {
  return (value + unit - 1) / unit;
}
size_t roundUp(size_t value, size_t unit) {
  return ceilDiv(value, unit) * unit;
}

// Rows order[begin, end) of one class, against all tiles.
struct Panel {
  RowClass rowClass;
  size_t begin, end;
};

#include "kernels/scalar_formats.inl"

float biasAt(const Matmul& m, size_t i) {
  if (m.biasType == DType::kFloat32) return static_cast<const float*>(m.bias)[i];
  const uint16_t bits = static_cast<const uint16_t*>(m.bias)[i];
  return m.biasType == DType::kFloat16 ? fromFloat16(bits) : floatOf(uint32_t(bits) << 16);
}

}  // namespace

// One product on its way through the pool.
class Product {
 public:
  Product(const Matmul& m, const Kernel& kernel, ThreadPool& pool, Workspace& ws,
          const std::atomic<bool>& aborted)
      : m_(m),
        path_(choosePath(kernel, *m.weight, m.transposed, m.xType, m.precision)),
        exceptional_(m.transposed ? *kernel.floating : *kExactRows),
        pool_(pool),
        ws_(ws),
        aborted_(aborted) {}

  Outcome run() {
    if (m_.rows == 0) return Outcome::kDone;
    const WeightView& w = *m_.weight;
    const size_t perRow = path_.packedBytes(w, m_.transposed, 1);
    const size_t block = std::max<size_t>(
        kPanelRows, kPackedBytes / std::max<size_t>(1, perRow) / kPanelRows * kPanelRows);
    if (!reserve(std::min(block, m_.rows))) return Outcome::kOutOfMemory;
    if (m_.bias) widenBias();
    for (size_t row = 0; row < m_.rows && !aborted_; row += block) {
      runBlock(row, std::min(block, m_.rows - row));
    }
    return aborted_ ? Outcome::kAborted : Outcome::kDone;
  }

 private:
  bool reserve(size_t rows) {
    const WeightView& w = *m_.weight;
    scratchStride_ = roundUp(
        std::max(path_.scratchBytes(w, m_.transposed), exceptional_.scratchBytes(w, m_.transposed)),
        64);
    return ws_.packed_.reserve(path_.packedBytes(w, m_.transposed, rows)) &&
           ws_.rowClass_.reserve(rows) && ws_.order_.reserve(rows * sizeof(uint32_t)) &&
           (!m_.bias || ws_.bias_.reserve(outWidth() * sizeof(float))) &&
           ws_.scratch_.reserve(scratchStride_ * pool_.threads());
  }

  size_t outWidth() const { return m_.transposed ? m_.weight->k : m_.weight->n; }

  void widenBias() {
    const size_t width = outWidth();
    float* to = reinterpret_cast<float*>(ws_.bias_.data());
    for (size_t i = 0; i < width; i++) to[i] = biasAt(m_, i);
  }

  uint8_t* scratch(size_t worker) const { return ws_.scratch_.data() + worker * scratchStride_; }

  void runBlock(size_t row, size_t rows) {
    const WeightView& w = *m_.weight;
    const size_t xBytes = m_.xType == DType::kFloat32 ? 4 : 2;
    const size_t outBytes = m_.outType == DType::kFloat32 ? 4 : 2;
    Job job{};
    job.weight = &w;
    job.transposed = m_.transposed;
    job.xType = m_.xType;
    job.outType = m_.outType;
    job.rows = rows;
    job.x = static_cast<const uint8_t*>(m_.x) + row * m_.xStride * xBytes;
    job.xStride = m_.xStride;
    job.out = static_cast<uint8_t*>(m_.out) + row * m_.outStride * outBytes;
    job.outStride = m_.outStride;
    job.bias = m_.bias ? reinterpret_cast<const float*>(ws_.bias_.data()) : nullptr;
    job.packed = ws_.packed_.data();
    job.rowClass = ws_.rowClass_.data();
    job.order = reinterpret_cast<const uint32_t*>(ws_.order_.data());
    pack(job);
    compute(job, panelsOf(job));
  }

  // Calls f(task, worker) for each task unless the product was aborted meanwhile.
  template <class F>
  void each(size_t tasks, size_t work, F f) {
    const auto guarded = [&](size_t task, size_t worker) {
      if (!aborted_.load(std::memory_order_relaxed)) f(task, worker);
    };
    if (work >= kSerialWork) return pool_.run(tasks, guarded);
    for (size_t task = 0; task < tasks; task++) guarded(task, 0);
  }

  void pack(const Job& job) {
    const WeightView& w = *job.weight;
    const size_t perTask = 8;
    // A packed element costs about as much as a few multiply-adds.
    const size_t work = job.rows * (job.transposed ? w.n : w.k) * 4;
    each(ceilDiv(job.rows, perTask), work, [&](size_t task, size_t worker) {
      path_.pack(job, task * perTask, std::min(job.rows, (task + 1) * perTask), scratch(worker));
    });
  }

  // Sorts the rows by class, keeping their order within one, and cuts each class into panels.
  std::vector<Panel> panelsOf(const Job& job) {
    uint32_t* order = reinterpret_cast<uint32_t*>(ws_.order_.data());
    std::vector<Panel> panels;
    size_t at = 0;
    for (int c = 0; c < kRowClasses; c++) {
      const size_t begin = at;
      for (size_t row = 0; row < job.rows; row++) {
        if (job.rowClass[row] == c) order[at++] = uint32_t(row);
      }
      // Equal panels, rather than a small one at the end.
      const size_t count = ceilDiv(at - begin, kPanelRows);
      for (size_t i = 0; i < count; i++) {
        panels.push_back({RowClass(c), begin + (at - begin) * i / count,
                          begin + (at - begin) * (i + 1) / count});
      }
    }
    return panels;
  }

  // Neighbouring tiles share the packed codes' pages and, for some paths, work; but every thread is
  // to have some tasks. Not more than four tiles where rows are many, for the caches' sake.
  size_t tilesPerTask(const Job& job, size_t tiles) const {
    if (!path_.pairsTiles) return job.rows <= kPairedRows ? 2 : 1;
    const bool streams = job.rows <= kStreamedRows;
    const size_t most = streams ? 32 : job.rows <= kFewRows ? 8 : 4;
    const size_t perThread = streams ? 1 : 4;
    size_t perTask = 2;
    while (2 * perTask <= most && tiles / (2 * perTask) >= perThread * pool_.threads())
      perTask *= 2;
    return perTask;
  }

  void compute(const Job& job, const std::vector<Panel>& panels) {
    const WeightView& w = *job.weight;
    const size_t tiles = job.transposed ? w.quads / kTileQuads : w.nTiles;
    const size_t perTask = tilesPerTask(job, tiles);
    const size_t tasks = ceilDiv(tiles, perTask);
    each(tasks * panels.size(), job.rows * w.n * w.k, [&](size_t task, size_t worker) {
      const Panel& panel = panels[task / tasks];
      const size_t tile = task % tasks * perTask, count = std::min(perTask, tiles - tile);
      const Path& path = panel.rowClass == kExceptional ? exceptional_ : path_;
      path.compute(job, panel.rowClass, tile, count, panel.begin, panel.end, scratch(worker));
      if (!path_.wantsExactColumns || panel.rowClass == kExceptional) return;
      for (size_t t = tile; t < tile + count; t++) {
        if (w.exceptionalColumns[t] == 0) continue;
        kExactRows->compute(job, panel.rowClass, t, 1, panel.begin, panel.end, scratch(worker));
      }
    });
  }

  const Matmul& m_;
  const Path& path_;
  const Path& exceptional_;  // for rows of that class
  ThreadPool& pool_;
  Workspace& ws_;
  const std::atomic<bool>& aborted_;
  size_t scratchStride_ = 0;
};

Outcome runMatmul(const Matmul& m, const Kernel& kernel, ThreadPool& pool, Workspace& workspace,
                  const std::atomic<bool>& aborted) {
  return Product(m, kernel, pool, workspace, aborted).run();
}

}  // namespace w4a16
