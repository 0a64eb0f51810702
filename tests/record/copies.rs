//! Bulk copies of boxes: where bytes lie in shared memory, what is at an edge, what is counted, and
//! sums in memory.

use std::sync::Arc;

use half::{bf16, f16};
use quarter::gpu::{Buffer, Driver, MapElement, TensorMap};

use crate::answer::{Answer, Scope, mix};
use crate::block;

/// Bytes of shared memory that are looked at; the mbarrier lies behind them.
const SEEN: usize = 4096;
const BARRIER: &str = "%base+4096";
const SHARED: usize = SEEN + 16;
const ROWS: u64 = 40;
/// Bytes of a row that are in the matrix, and to the next one.
const COLS: u64 = 204;
const PITCH: u64 = 208;
const BOX_ROWS: u32 = 16;

const ELEMENTS: [(MapElement, u64); 4] =
    [(MapElement::U8, 1), (MapElement::F16, 2), (MapElement::Bf16, 2), (MapElement::F32, 4)];
/// Columns and rows where boxes begin.
const CORNERS: [(i32, i32); 10] = [
    (0, 0),
    (16, 3),
    (-16, -5),
    (24, 30),
    (204, 0),
    (0, 40),
    (48, -15),
    (1, 1),
    (-3, 39),
    (-2000, -2000),
];

const INIT: &str = "mbarrier.init.shared::cta.b64 [%base+4096], 1;\n\
    fence.mbarrier_init.release.cluster;\n";
/// The column, the row, the place in shared memory.
const PLACE: &str = "ld.global.v4.b32 {%w8, %w9, %w10, %w11}, [%in];\nadd.u32 %w10, %w10, %base;\n";
const LOAD: &str = "cp.async.bulk.tensor.2d.shared::cluster.global.tile\
    .mbarrier::complete_tx::bytes [%w10], [%map, {%w8, %w9}], [%base+4096];\n";
const FLAGS: &str = "selp.b32 %w0, 2, 0, %p0;\nor.b32 %w0, %w0, %seen;\ncvt.u64.u32 %l0, %w0;\n\
    @%first st.global.b64 [%out+4096], %l0;\n";

/// Looks for a while whether the first phase is over, which it must not be.
const LOOK: &str = "mov.b32 %tries, 2000;\nLOOK:\n\
    mbarrier.test_wait.parity.shared::cta.b64 %p0, [%base+4096], 0;\n@%p0 mov.b32 %seen, 1;\n\
    @%p0 bra LOOKED;\nsub.u32 %tries, %tries, 1;\nsetp.ne.u32 %p1, %tries, 0;\n@%p1 bra LOOK;\n\
    LOOKED:\n";

pub fn ask(driver: &Arc<dyn Driver>, _: Scope) -> quarter::Result<Vec<Answer>> {
    let mut answers = Vec::new();
    loads(driver, &mut answers)?;
    counts(driver, &mut answers)?;
    stores(driver, &mut answers)?;
    Ok(answers)
}

/// Bytes, none of them zero, and what lies between rows is not either.
fn matrix() -> Vec<u8> {
    (0..ROWS * PITCH).map(|i| (mix(i + 1) % 255) as u8 + 1).collect()
}

fn map(address: u64, (element, size): (MapElement, u64), row_bytes: u32) -> TensorMap {
    TensorMap {
        element,
        address,
        rows: ROWS,
        cols: COLS / size,
        pitch: PITCH,
        box_rows: BOX_ROWS,
        box_cols: row_bytes / size as u32,
    }
}

/// A load in a text: what the first thread does around it.
fn load(first: &str) -> String {
    format!(
        "mov.b32 %seen, 0;\n{PLACE}{}@!%first bra MADE;\n{INIT}MADE:\nbar.sync 0;\n\
         @!%first bra ASKED;\n{first}ASKED:\nbar.sync 0;\n{}{FLAGS}{}",
        block::fill(SEEN, 0xee),
        block::wait(BARRIER, "0", "WAIT"),
        block::dump(SEEN)
    )
}

fn place(at: (i32, i32), shared: u32, bytes: u32) -> Vec<u8> {
    [at.0 as u32, at.1 as u32, shared, bytes].map(u32::to_le_bytes).concat()
}

fn loads(driver: &Arc<dyn Driver>, answers: &mut Vec<Answer>) -> quarter::Result<()> {
    let matrix = Buffer::from_bytes(driver, &matrix())?;
    let expect = "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%base+4096], %w11;\n";
    let text = block::text(&load(&[expect, LOAD].concat()), SHARED, 1);
    for element in ELEMENTS {
        for (row_bytes, shared) in
            [(128, 0), (128, 128), (128, 256), (128, 512), (128, 896), (64, 0), (32, 128)]
        {
            let map = map(matrix.address(), element, row_bytes);
            let mut values = Vec::new();
            for at in CORNERS {
                let input = place(at, shared, row_bytes * BOX_ROWS);
                values.extend(block::run(driver, text, Some(&map), &input, SEEN / 8 + 1, 1)?);
            }
            let kind = element.0;
            let key = format!("load {kind:?}, rows of {row_bytes} bytes to {shared}");
            answers.push(Answer::new(key, values));
        }
    }
    Ok(())
}

/// Bytes that an mbarrier hears of, at an edge and in any order.
fn counts(driver: &Arc<dyn Driver>, answers: &mut Vec<Answer>) -> quarter::Result<()> {
    let matrix = Buffer::from_bytes(driver, &matrix())?;
    let map = map(matrix.address(), ELEMENTS[0], 128);
    let expect = |bytes: &str| {
        format!("mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [{BARRIER}], {bytes};\n")
    };
    let arrive = |bytes: &str| {
        format!("mbarrier.arrive.expect_tx.shared::cta.b64 _, [{BARRIER}], {bytes};\n")
    };
    let alone = format!("mbarrier.arrive.shared::cta.b64 _, [{BARRIER}];\n");
    for (key, first) in [
        // 13 rows of 75 bytes are in the matrix: an odd number, which no part of the box has.
        ("a clipped box counts whole", [&arrive("975"), LOAD, LOOK, &expect("1073")].concat()),
        ("bytes before they are expected", [LOAD, LOOK, &arrive("2048")].concat()),
        ("bytes expected in two parts", [&expect("1000"), LOAD, &expect("1048"), &alone].concat()),
        ("two boxes", [&arrive("4096"), LOAD, "add.u32 %w10, %w10, 2048;\n", LOAD].concat()),
    ] {
        let text = block::text(&load(&first), SHARED, 1);
        let mut values = Vec::new();
        for at in [(129, 27), (0, 0)] {
            let clipped = key.starts_with("a clipped");
            if clipped && at == (0, 0) {
                continue;
            }
            values.extend(block::run(driver, text, Some(&map), &place(at, 0, 0), SEEN / 8 + 1, 1)?);
        }
        answers.push(Answer::new(key, values));
    }
    Ok(())
}

/// Shared memory comes with the input, behind the place.
fn store(kind: &str, add: &str) -> String {
    format!(
        "{PLACE}shl.b32 %w0, %tix, 4;\nIMAGE:\ncvt.u64.u32 %l0, %w0;\nadd.u64 %l0, %in, %l0;\n\
         ld.global.v4.b32 {{%w4, %w5, %w6, %w7}}, [%l0+16];\nadd.u32 %w1, %base, %w0;\n\
         st.shared.v4.b32 [%w1], {{%w4, %w5, %w6, %w7}};\nadd.u32 %w0, %w0, 2048;\n\
         setp.lt.u32 %p0, %w0, {SEEN};\n@%p0 bra IMAGE;\nfence.proxy.async.shared::cta;\n\
         bar.sync 0;\n@!%first bra STORED;\n\
         cp.{kind}.2d.global.shared::cta{add}.tile.bulk_group [%map, {{%w8, %w9}}], [%w10];\n\
         cp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\nSTORED:\n"
    )
}

/// What a sum is of, in bits of f32.
#[derive(Clone, Copy, Debug)]
enum Numbers {
    Normal,
    /// Some of them subnormal, and many sums.
    Subnormal,
    /// Zeros of both signs, infinities, one NaN.
    Special,
}

impl Numbers {
    fn bits(self, size: u64, z: u64) -> u64 {
        let (fraction, top) = match size {
            4 => (23, 255),
            _ => (7, 255),
        };
        let sign = z >> 63 << (8 * size - 1);
        let any = z & ((1 << fraction) - 1);
        match self {
            Self::Normal => sign | (100 + (z >> 40) % 40) << fraction | any,
            Self::Subnormal => sign | ((z >> 40) % 3) << fraction | any,
            Self::Special => match (z >> 40) % 6 {
                0 => sign,
                1 => sign | top << fraction,
                2 => top << fraction | 1 << (fraction - 1),
                _ => sign | 127 << fraction | any,
            },
        }
    }

    /// A number as memory has it.
    fn bytes(self, (element, size): (MapElement, u64), z: u64) -> Vec<u8> {
        let bits = match element {
            MapElement::F32 => self.bits(4, z),
            MapElement::Bf16 => self.bits(2, z),
            // f16 of these would be zeros and infinities alone.
            _ => match self {
                Self::Normal => f16::from_f32((z as u16 as f32 - 32768.0) / 256.0).to_bits().into(),
                Self::Subnormal => z & 0x87ff,
                Self::Special => {
                    let x = bf16::from_bits(self.bits(2, z) as u16);
                    if x.is_nan() { 0x7e00 } else { f16::from_f32(x.to_f32()).to_bits().into() }
                }
            },
        };
        bits.to_le_bytes()[..size as usize].to_vec()
    }
}

fn stores(driver: &Arc<dyn Driver>, answers: &mut Vec<Answer>) -> quarter::Result<()> {
    let mut put = |key: String, text, element: (MapElement, u64), numbers: Option<Numbers>| {
        let mut values = Vec::new();
        for (i, at) in CORNERS.into_iter().enumerate() {
            let array = |salt: u64, bytes: usize| -> Vec<u8> {
                let each = numbers.map_or(1, |_| element.1);
                (0..bytes as u64 / each)
                    .flat_map(|i| match numbers {
                        None => vec![mix(salt + i) as u8],
                        Some(numbers) => numbers.bytes(element, mix(salt + i)),
                    })
                    .collect()
            };
            let to = Buffer::from_bytes(driver, &array(1, (ROWS * PITCH) as usize))?;
            let map = map(to.address(), element, 128);
            let mut input = place(at, 128 * (i as u32 % 8), 0);
            input.extend(array(1 << 40, SEEN));
            block::run(driver, text, Some(&map), &input, 1, 1)?;
            // SAFETY: written before the run.
            values.extend(block::words(&unsafe { to.to_bytes()? }));
        }
        answers.push(Answer::new(key, values));
        quarter::Result::Ok(())
    };
    let plain = block::text(&store("async.bulk.tensor", ""), SHARED, 1);
    let adding = block::text(&store("reduce.async.bulk.tensor", ".add"), SHARED, 1);
    for element in ELEMENTS {
        put(format!("store {:?}", element.0), plain, element, None)?;
        if element.0 == MapElement::U8 {
            continue;
        }
        for numbers in [Numbers::Normal, Numbers::Subnormal, Numbers::Special] {
            put(format!("add {:?} {numbers:?}", element.0), adding, element, Some(numbers))?;
        }
    }
    Ok(())
}
