#!/usr/bin/env python3
"""Writes wgmma.cuh: one wrapper per token width and 16-bit type. An asm statement's operands cannot be made by a template."""
import pathlib

WIDTHS = (16, 32, 64, 96, 128, 136, 144, 152, 160, 168, 176, 184, 192, 200, 208, 224, 240, 256)
TYPES = (("__half", "f16"), ("__nv_bfloat16", "bf16"))

lines = [
    "// Written by generate_wgmma.py. d[64 × N] += a[64 × 16] · b[16 × N]: A from registers, B K-major in",
    "// 128-byte-swizzled shared memory, float32 accumulators.",
    "// clang-format off",
    "#pragma once",
    "#include <cuda_bf16.h>",
    "#include <cuda_fp16.h>",
    "",
    "#include <cstdint>",
    "",
    "namespace w4a16::ptx {",
    "",
    "template <typename T, int Tokens>",
    "struct Wgmma;",
]
for name, suffix in TYPES:
    for n in WIDTHS:
        count = n // 2
        d = ", ".join(f"%{i}" for i in range(count))
        a = ", ".join(f"%{count + i}" for i in range(4))
        lines += [
            "",
            "template <>",
            f"struct Wgmma<{name}, {n}> {{",
            f"  static __device__ __forceinline__ void multiplyAdd(float* d, const uint32_t (&a)[4], uint64_t b) {{",
            "    asm volatile(",
            '        "{\\n.reg .pred p;\\nsetp.eq.u32 p, 0, 0;\\n"',
            f'        "wgmma.mma_async.sync.aligned.m64n{n}k16.f32.{suffix}.{suffix} {{{d}}}, {{{a}}}, %{count + 4}, p, 1, 1, 0;\\n}}\\n"',
            "        : " + ", ".join(f'"+f"(d[{i}])' for i in range(count)),
            '        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));',
            "  }",
            "};",
        ]
lines += ["", "}  // namespace w4a16::ptx", ""]
pathlib.Path(__file__).with_name("wgmma.cuh").write_text("\n".join(lines))
