"""Inner functions of kernels as LLVM vector code: what Numba's loops do not become by themselves.

Each has a plain loop that gives the same to the last bit (`add_fused` apart, which rounds once), most of them in `kernels.plain`;
`kernels.dispatch` says which of the two runs. `transpose`, `columns`, `runs` and the counts of `codes` run wherever LLVM
compiles, which splits registers of 64 bytes for machines with narrower ones. The lists and resets of `codes`, `firing` and `dot`
need instructions of AVX-512.
"""
