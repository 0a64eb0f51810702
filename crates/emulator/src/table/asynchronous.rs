//! Spellings of what runs beside the warps, and of what waits for it.

use std::sync::OnceLock;

use super::{Form, PLAIN, TYPES, vector_signature};
use crate::op::Op;

pub(super) fn all(put: &mut impl FnMut(String, Form)) {
    clusters(put);
    phases(put);
    copies(put);
    matrices(put);
}

fn clusters(put: &mut impl FnMut(String, Form)) {
    for aligned in ["", ".aligned"] {
        let form = Form { aligned: true, signature: "=", ..PLAIN };
        for (order, op) in [
            ("", Op::ClusterArrive),
            (".release", Op::ClusterArrive),
            (".relaxed", Op::ClusterArriveRelaxed),
        ] {
            put(format!("barrier.cluster.arrive{order}{aligned}"), Form { op, ..form });
        }
        for order in ["", ".acquire"] {
            let op = Op::ClusterWait;
            put(format!("barrier.cluster.wait{order}{aligned}"), Form { op, ..form });
        }
    }
    put("mapa.shared::cluster.u32".into(), Form { op: Op::Mapa, signature: "w=w w", ..PLAIN });
    for (kind, size, signed, register) in TYPES {
        for (name, op, store) in [("ld", Op::LdCluster, false), ("st", Op::StCluster, true)] {
            let signature = vector_signature(store, 1, register);
            let form = Form { op, signature, size, signed, ..PLAIN };
            put(format!("{name}.shared::cluster.{kind}"), form);
        }
    }
    for what in ["wait", "launch_dependents"] {
        let form = Form { op: Op::Nothing, signature: "=", ..PLAIN };
        put(format!("griddepcontrol.{what}"), form);
    }
    for what in ["inc", "dec"] {
        let form = Form { op: Op::SetRegisters, signature: "=i", aligned: true, ..PLAIN };
        put(format!("setmaxnreg.{what}.sync.aligned.u32"), form);
    }
}

fn phases(put: &mut impl FnMut(String, Form)) {
    for space in ["shared", "shared::cta"] {
        for (name, op, signature) in [
            ("init", Op::PhaseInit, "=m w"),
            ("inval", Op::PhaseInval, "=m"),
            ("arrive", Op::PhaseArrive, "_=m w?"),
            ("arrive.expect_tx", Op::PhaseArriveExpect, "_=m w"),
            ("expect_tx.relaxed.cta", Op::PhaseExpect, "=m w"),
            ("try_wait.parity", Op::PhaseTry, "p=m w"),
            ("test_wait.parity", Op::PhaseTest, "p=m w"),
        ] {
            put(format!("mbarrier.{name}.{space}.b64"), Form { op, signature, ..PLAIN });
        }
    }
    for (name, op, signature) in [
        ("arrive", Op::PhaseArrive, "_=m w?"),
        ("arrive.expect_tx", Op::PhaseArriveExpect, "_=m w"),
    ] {
        put(format!("mbarrier.{name}.shared::cluster.b64"), Form { op, signature, ..PLAIN });
    }
    let form = Form { signature: "=", ..PLAIN };
    put("fence.mbarrier_init.release.cluster".into(), Form { op: Op::FenceInit, ..form });
    for space in ["", ".shared::cta", ".shared::cluster", ".global"] {
        // Global memory is not checked for races, so a fence for it alone orders nothing here.
        let op = if space == ".global" { Op::Nothing } else { Op::FenceAsync };
        put(format!("fence.proxy.async{space}"), Form { op, ..form });
    }
}

/// Signatures by the number of dimensions.
fn tensor_signature(rank: usize, kind: Op, mask: bool, hint: bool) -> &'static str {
    const LOADS: [[&str; 4]; 3] = [
        ["=m c1 m", "=m c1 m l", "=m c1 m h", "=m c1 m h l"],
        ["=m c2 m", "=m c2 m l", "=m c2 m h", "=m c2 m h l"],
        ["=m c3 m", "=m c3 m l", "=m c3 m h", "=m c3 m h l"],
    ];
    const STORES: [[&str; 2]; 3] =
        [["=c1 m", "=c1 m l"], ["=c2 m", "=c2 m l"], ["=c3 m", "=c3 m l"]];
    const PREFETCHES: [[&str; 2]; 3] = [["=c1", "=c1 l"], ["=c2", "=c2 l"], ["=c3", "=c3 l"]];
    let hint = usize::from(hint);
    match kind {
        Op::CopyLoad => LOADS[rank - 1][2 * usize::from(mask) + hint],
        Op::CopyPrefetch => PREFETCHES[rank - 1][hint],
        _ => STORES[rank - 1][hint],
    }
}

fn copies(put: &mut impl FnMut(String, Form)) {
    for rank in 1..=3 {
        for tile in ["", ".tile"] {
            for hint in ["", ".L2::cache_hint"] {
                let form = |op, mask| {
                    let signature = tensor_signature(rank, op, mask, !hint.is_empty());
                    Form { op, signature, code: rank as u8, ..PLAIN }
                };
                for mask in ["", ".multicast::cluster"] {
                    put(
                        format!(
                            "cp.async.bulk.tensor.{rank}d.shared::cluster.global{tile}\
                             .mbarrier::complete_tx::bytes{mask}{hint}"
                        ),
                        form(Op::CopyLoad, !mask.is_empty()),
                    );
                }
                put(
                    format!(
                        "cp.async.bulk.tensor.{rank}d.global.shared::cta{tile}.bulk_group{hint}"
                    ),
                    form(Op::CopyStore, false),
                );
                put(
                    format!(
                        "cp.reduce.async.bulk.tensor.{rank}d.global.shared::cta.add{tile}\
                         .bulk_group{hint}"
                    ),
                    form(Op::CopyReduce, false),
                );
                put(
                    format!("cp.async.bulk.prefetch.tensor.{rank}d.L2.global{tile}{hint}"),
                    form(Op::CopyPrefetch, false),
                );
            }
        }
    }
    put("prefetch.tensormap".into(), Form { op: Op::PrefetchMap, signature: "=m", ..PLAIN });
    put("cvta.param.u64".into(), Form { op: Op::CvtaParam, signature: "l=l", ..PLAIN });
    let form = Form { signature: "=", ..PLAIN };
    put("cp.async.bulk.commit_group".into(), Form { op: Op::CopyCommit, ..form });
    for read in ["", ".read"] {
        let form = Form { op: Op::CopyWait, signature: "=i", ..PLAIN };
        put(format!("cp.async.bulk.wait_group{read}"), form);
    }
}

/// Columns of B, by `Form::size`, that a `wgmma` may have.
const COLUMNS: std::ops::RangeInclusive<usize> = 1..=32;

/// Signatures of `wgmma` with so many registers of accumulators.
fn product_signature(registers: usize) -> &'static str {
    static ALL: OnceLock<Vec<String>> = OnceLock::new();
    let all = ALL.get_or_init(|| (0..=128).map(|n| format!("=r{n} l l q s s")).collect());
    &all[registers]
}

fn matrices(put: &mut impl FnMut(String, Form)) {
    let aligned = Form { aligned: true, ..PLAIN };
    for eighth in COLUMNS {
        let n = 8 * eighth;
        for (d, registers) in [("f32", n / 2), ("f16", n / 4)] {
            for (i, a) in ["e4m3", "e5m2"].into_iter().enumerate() {
                for (j, b) in ["e4m3", "e5m2"].into_iter().enumerate() {
                    let half = u8::from(d == "f16");
                    let form = Form {
                        op: Op::Product,
                        signature: product_signature(registers),
                        size: eighth as u8,
                        code: (i | j << 1) as u8 | half << 2,
                        ..aligned
                    };
                    put(format!("wgmma.mma_async.sync.aligned.m64n{n}k32.{d}.{a}.{b}"), form);
                }
            }
        }
    }
    for (name, op, signature) in [
        ("fence", Op::ProductFence, "="),
        ("commit_group", Op::ProductCommit, "="),
        ("wait_group", Op::ProductWait, "=i"),
    ] {
        put(format!("wgmma.{name}.sync.aligned"), Form { op, signature, ..aligned });
    }
    for (count, load, store) in
        [(1, "v1w=m", "=m v1w"), (2, "v2w=m", "=m v2w"), (4, "v4w=m", "=m v4w")]
    {
        for (transposed, code) in [("", 0), (".trans", 1)] {
            for space in ["shared", "shared::cta"] {
                let form = Form { size: 4, code, ..aligned };
                let end = format!("sync.aligned.m8n8.x{count}{transposed}.{space}.b16");
                let load = Form { op: Op::LdMatrix, signature: load, ..form };
                put(format!("ldmatrix.{end}"), load);
                let store = Form { op: Op::StMatrix, signature: store, ..form };
                put(format!("stmatrix.{end}"), store);
            }
        }
    }
}
