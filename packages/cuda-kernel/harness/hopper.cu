// Checks and times the Hopper kernels without Node.
//   hopper check [cases] [seed]       every shape on random problems against the float64 oracle,
//                                     bits compared over repeats
//   hopper one SHAPE M [transposed]   a few launches of one shape, for a profiler
//   hopper shapes JSON [repeats]      every shape at many M (the selection is made from this)
//   hopper sweep JSON [repeats]       the chosen kernel at every M from 1 to 1100
//   hopper bench JSON [repeats]       the chosen kernels: many M, layers, types, group sizes
//   hopper groups                     group sizes beside each other, few tokens
//   hopper midpoints JSON [repeats]   the same kernels on weights whose zero points do not fit
//                                     layout/hopper_params.hpp
#include <cstring>

#include "hopper_bench.cuh"
#include "hopper_check.cuh"

int main(int argc, char** argv) {
  using namespace harness;
  const char* mode = argc > 1 ? argv[1] : "check";
  if (!std::strcmp(mode, "check"))
    return hopper::runSweep(argc > 2 ? std::atoi(argv[2]) : 2000,
                            argc > 3 ? std::atoi(argv[3]) : 1) != 0;
  if (!std::strcmp(mode, "groups")) {
    hopper::compareGroups();
    return 0;
  }
  if (!std::strcmp(mode, "one")) {
    if (argc < 4) return 2;
    hopper::Bench(nullptr, 1)
        .one({4096, 4096, 128, DataType::BFloat16, false, {std::atoi(argv[3])}}, std::atoi(argv[2]),
             argc > 4);
    return 0;
  }
  const int repeats = argc > 3 ? std::atoi(argv[3]) : 21;
  const bool midpoints = !std::strcmp(mode, "midpoints");
  hopper::Bench bench(argc > 2 ? argv[2] : nullptr, repeats,
                      midpoints ? Encoding::Midpoint : Encoding::Zero);
  const auto bf16 = DataType::BFloat16, fp16 = DataType::Float16;
  if (!std::strcmp(mode, "shapes")) {
    bench.run(
        {4096, 4096, 128, bf16, true, {1,   4,   16,   32,   64,   96,   128,  160,  192,  256, 320,
                                       384, 448, 512,  576,  608,  640,  672,  704,  768,  800, 832,
                                       896, 960, 1024, 1088, 1152, 1280, 1536, 2048, 4096, 8192}});
    bench.run({14336, 4096, 128, bf16, true, {16, 64, 128, 256, 1024, 4096}});
    bench.run({4096, 14336, 128, bf16, true, {16, 64, 128, 256, 1024, 4096}});
    bench.run({8192, 8192, 128, bf16, true, {16, 128, 1024, 4096}});
    return 0;
  }
  if (!std::strcmp(mode, "sweep")) {  // every M, chosen kernel against dense
    std::vector<int> every;
    for (int M = 1; M <= 1100; M++) every.push_back(M);
    bench.run({4096, 4096, 128, bf16, false, every});
    return 0;
  }
  if (midpoints) {
    bench.run(
        {4096, 4096, 128, bf16, false, {1, 16, 64, 128, 256, 384, 512, 768, 1024, 1536, 4096}});
    bench.run(
        {4096, 4096, 128, fp16, false, {1, 16, 64, 128, 256, 384, 512, 768, 1024, 1536, 4096}});
    return 0;
  }
  bench.run(
      {4096, 4096, 128, bf16, false, {1,   2,   4,   8,   16,  32,   64,   96,   128,  192, 256,
                                      320, 384, 448, 512, 768, 1024, 1536, 2048, 4096, 8192}});
  bench.run({4096,
             4096,
             128,
             fp16,
             false,
             {1, 16, 32, 64, 128, 192, 256, 320, 384, 448, 512, 768, 1024, 2048, 4096, 8192}});
  bench.run({14336, 4096, 128, bf16, false, {16, 128, 1024, 4096}});
  bench.run({4096, 14336, 128, bf16, false, {16, 128, 1024, 4096}});
  bench.run({8192, 8192, 128, bf16, false, {16, 128, 1024, 4096}});
  for (int g : {64, 32})
    bench.run({4096, 4096, g, bf16, false, {1, 16, 64, 128, 256, 512, 1024, 4096}});
  bench.run({10944, 7392, 32, bf16, false, {16, 128, 1000}});
  bench.run({11264, 7168, 32, bf16, false, {16, 128, 1024}});
  return 0;
}
