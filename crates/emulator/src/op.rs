//! What an instruction does, once its spelling is known.

/// One kind of work. Suffixes: `W` words of 32 bits, `L` long ones of 64, `H` half-words, `P`
/// predicates, `F` f32, `D` f64; `S` signed, `U` unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[rustfmt::skip]
pub(crate) enum Op {
    // Integers
    AddW, SubW, MulLoW, MulHiU, MulHiS, MadLoW, MadHiU, MinU, MaxU, MinS, MaxS, DivU, DivS, RemU, RemS,
    AndW, OrW, XorW, NotW, NegW, AbsS, ShlW, ShrU, ShrS, ShfL, ShfR, ShfLClamp, ShfRClamp, Lop3, Prmt,
    BfeU, BfeS, Bfi, ClzW, PopcW, BrevW, SelW, MovW,
    AddH, SubH, MulLoH, MinHU, MaxHU, AndH, OrH, XorH, NotH, ShlH, ShrHU, SelH, MovH, MulWideHU,
    AddL, SubL, MulLoL, MulHiUL, MulWideU, MulWideS, MadLoL, MadWideU, MadWideS,
    MinUL, MaxUL, MinSL, MaxSL, DivUL, RemUL, AndL, OrL, XorL, NotL, NegL, ShlL, ShrUL, ShrSL,
    ClzL, PopcL, BrevL, SelL, MovL,
    // Comparisons and predicates
    SetU, SetS, SetF, SetD, SetUL, SetSL, SetUH, SetSH,
    AndP, OrP, XorP, NotP, MovP,
    // f32
    AddF, AddCutF, SubF, MulF, FmaF, MinF, MaxF, MinNanF, MaxNanF, AbsF, NegF, CopysignF, DivF, SqrtF, RcpF, TestF,
    // f64
    AddD, SubD, MulD, FmaD, DivD, SqrtD, RcpD, MinD, MaxD,
    // Conversions
    PackE4m3, PackE5m2, PackE4m3H, PackE5m2H, UnpackE4m3, UnpackE5m2,
    HalfToF, BfloatToF, FToHalf, FToBfloat, PackHalf, PackBfloat,
    UToF, SToF, ULToF, FToU, FToS, RoundF, FloorF, CeilF, TruncF,
    FToD, DToF, UToD, ULToD,
    Extend, ExtendS, Narrow, ExtendL, ExtendSL, NarrowL,
    // Moves between widths
    PackW, UnpackW, PackL, UnpackL, PackLH, UnpackLH,
    // Memory
    LdParam, LdGlobal, StGlobal, LdShared, StShared, AtomGlobal, AtomShared, RedGlobal, RedShared, Prefetch,
    // Warp
    Shfl, VoteAll, VoteAny, VoteUni, Ballot, Redux, Elect, MatchAny, WarpBarrier,
    // Control
    Bra, Exit, Trap, Nothing, BarSync, BarArrive, Fence,
    // Clusters
    ClusterArrive, ClusterArriveRelaxed, ClusterWait, Mapa, CvtaParam, LdCluster, StCluster,
    // mbarriers
    PhaseInit, PhaseInval, PhaseArrive, PhaseArriveExpect, PhaseExpect, PhaseTry, PhaseTest, FenceInit,
    // Bulk copies
    CopyLoad, CopyStore, CopyReduce, CopyPrefetch, PrefetchMap, CopyCommit, CopyWait, FenceAsync,
    // Matrices
    Product, ProductFence, ProductCommit, ProductWait, StMatrix, LdMatrix, SetRegisters,
}
