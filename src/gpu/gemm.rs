//! Products on a device.

use super::dequantize::upload;
use super::launch::{Shape, enqueue};
use super::wide::format_name;
use super::{Buffer, Device, Driver, MapElement, Stream, TensorMap, WideType, check};
use crate::ffi::{
    QUARTER_PRODUCT_COMBINED, QUARTER_PRODUCT_PLAIN, QUARTER_PRODUCT_SHARED,
    QUARTER_PRODUCT_THREADS, QUARTER_PRODUCT_TILE, QuarterGemm,
};
use crate::gemm::{self, Epilogue, Plan, Promotion, ScaleOrder};
use crate::quantize::{Granularity, MatrixMut, Quantized};
use crate::{Element, Error, Format, Result};

/// Columns of tiles that are done together, so that rows of A are read again from the cache.
const GROUP: u32 = 8;
/// What a tensor map's stride stays below.
const PITCH_LIMIT: u64 = 1 << 40;

/// [`gemm::gemm`] on a device, in addresses of the device: `D = A * B^T` with a scale for each
/// tensor.
#[derive(Clone, Copy, Debug)]
pub struct GemmOn {
    /// Formats of A and of B.
    pub formats: (Format, Format),
    /// Rows of A and D.
    pub m: usize,
    /// Rows of B, columns of D.
    pub n: usize,
    /// Columns of A and of B.
    pub k: usize,
    /// `m` x `k` codes, aligned to 16.
    pub a: u64,
    /// Bytes from one row of A to the next, a multiple of 16.
    pub pitch_a: usize,
    /// f32, one.
    pub scale_inv_a: u64,
    /// `n` x `k` codes, aligned to 16.
    pub b: u64,
    /// Bytes from one row of B to the next, a multiple of 16.
    pub pitch_b: usize,
    /// f32, one.
    pub scale_inv_b: u64,
    /// `Promotion::Never`, `Every(128)`, or any interval that holds the whole K.
    pub plan: Plan,
    /// f32 or bf16.
    pub wide: WideType,
    /// `m` x `n` numbers, aligned to their size; stored by TMA if aligned to 16, with a pitch of a
    /// multiple of 16 bytes.
    pub d: u64,
    /// Elements from one row of D to the next. What lies between is left alone.
    pub pitch_d: usize,
}

impl GemmOn {
    /// Checks everything, then enqueues one launch; without columns of A, fills of D with zero: one, or
    /// one for each row where something lies between them.
    ///
    /// # Errors
    /// [`Error::Parameter`] for addresses that are null or not aligned, a D in f16, and intervals of
    /// promotion that the kernel does not have; [`Error::Shape`] for sides and pitches beyond its
    /// indices, or not aligned; [`Error::Device`].
    ///
    /// # Safety
    /// As [`QuantizeOn::enqueue`](super::QuantizeOn::enqueue); D overlaps neither operand.
    pub unsafe fn enqueue(&self, driver: &dyn Driver, stream: Stream) -> Result<()> {
        let Self { m, n, k, wide, .. } = *self;
        let plan = kind(&self.plan, wide, k)?;
        let size = wide.size();
        let (m_u32, n_u32) = check::sides("D", m, n)?;
        let (_, k_u32) = check::sides("A", m, k)?;
        let some = m > 0 && n > 0;
        let read = some && k > 0;
        check::address("A", self.a, 16, read)?;
        check::address("B", self.b, 16, read)?;
        check::address("scale_inv of A", self.scale_inv_a, 4, read)?;
        check::address("scale_inv of B", self.scale_inv_b, 4, read)?;
        check::address("D", self.d, size as u64, some)?;
        let pitch_a = operand_pitch("A", (m, k), self.pitch_a)?;
        let pitch_b = operand_pitch("B", (n, k), self.pitch_b)?;
        let pitch_d = self.pitch_d.saturating_mul(size);
        let pitch_d = check::pitch("D", (m, n), pitch_d, size, n * size)?;
        if !some {
            return Ok(());
        }
        if k == 0 {
            // SAFETY: as the caller promises.
            return unsafe { self.clear(driver, stream, pitch_d as usize) };
        }
        let m_tiles = m_u32.div_ceil(QUARTER_PRODUCT_TILE);
        let n_tiles = n_u32.div_ceil(QUARTER_PRODUCT_TILE);
        let tiles = check::count(
            "D",
            (m, n),
            u64::from(m_tiles) * u64::from(n_tiles),
            "tiles of 256 x 256",
        )?;

        let operand = |address, rows: u32, pitch| TensorMap {
            element: MapElement::U8,
            address,
            rows: rows.into(),
            cols: k_u32.into(),
            pitch,
            box_rows: 128,
            box_cols: 128,
        };
        let by_tma =
            self.d.is_multiple_of(16) && pitch_d.is_multiple_of(16) && pitch_d < PITCH_LIMIT;
        let result = TensorMap {
            element: if wide == WideType::F32 { MapElement::F32 } else { MapElement::Bf16 },
            address: self.d,
            rows: m_u32.into(),
            cols: n_u32.into(),
            pitch: pitch_d,
            box_rows: 64,
            box_cols: 128 / size as u32,
        };
        let combined = self.plan.scales == ScaleOrder::Combined;
        let flag = |is, bit| if is { bit } else { 0 };
        let params = QuarterGemm {
            map_a: driver.encode(&operand(self.a, m_u32, pitch_a))?,
            map_b: driver.encode(&operand(self.b, n_u32, pitch_b))?,
            map_d: if by_tma { driver.encode(&result)? } else { [0; 16] },
            d: self.d,
            pitch_d,
            scale_inv_a: self.scale_inv_a,
            scale_inv_b: self.scale_inv_b,
            m: m_u32,
            n: n_u32,
            k_blocks: k_u32.div_ceil(128),
            m_tiles,
            n_tiles,
            group: GROUP.min(n_tiles),
            flags: flag(combined, QUARTER_PRODUCT_COMBINED) | flag(!by_tma, QUARTER_PRODUCT_PLAIN),
            reserved: 0,
        };
        let (a, b) = (format_name(self.formats.0), format_name(self.formats.1));
        let entry = format!("gemm_{a}_{b}_{}_{plan}", wide.name());
        // Two blocks are a cluster, and each fills a processor.
        let clusters = tiles.min((driver.processors() / 2).max(1));
        let shape = Shape {
            blocks: 2 * clusters,
            threads: QUARTER_PRODUCT_THREADS,
            shared_bytes: QUARTER_PRODUCT_SHARED,
        };
        // SAFETY: as the caller promises.
        unsafe { enqueue(driver, stream, "gemm", &entry, shape, &params) }
    }

    /// A sum of nothing.
    ///
    /// # Safety
    /// As [`enqueue`](Self::enqueue).
    unsafe fn clear(&self, driver: &dyn Driver, stream: Stream, pitch: usize) -> Result<()> {
        let row = self.n * self.wide.size();
        let (fills, bytes) = if pitch == row { (1, self.m * row) } else { (self.m, row) };
        (0..fills).try_for_each(|i| {
            let to = self.d + (i * pitch) as u64;
            // SAFETY: rows of D, as the caller promises.
            unsafe { driver.fill(stream, to, 0, bytes) }
        })
    }
}

/// The plan as entries are named, if there is one of that type of D. One chain that holds all of K is
/// no promotion.
fn kind(plan: &Plan, wide: WideType, k: usize) -> Result<&'static str> {
    if wide == WideType::F16 {
        let (got, allowed) = ("F16".into(), "F32 and Bf16 are allowed");
        return Err(Error::Parameter { what: "type of D", got, allowed });
    }
    let chain = plan.chain(k, false)?;
    match plan.promotion {
        Promotion::Never => Ok("fast"),
        Promotion::Every(_) if chain >= k => Ok("fast"),
        Promotion::Every(128) => Ok("promote"),
        Promotion::Every(n) => Err(Error::Parameter {
            what: "promotion interval",
            got: n.to_string(),
            allowed: "128, Never, and intervals that hold all of K are allowed on a device",
        }),
    }
}

/// The pitch of an operand, which bulk copies address.
fn operand_pitch(what: &'static str, (rows, cols): (usize, usize), pitch: usize) -> Result<u64> {
    match check::pitch(what, (rows, cols), pitch, 16, cols)? {
        pitch if pitch < PITCH_LIMIT => Ok(pitch),
        pitch => {
            let allowed = format!("the pitch of {pitch} bytes has to be below 2^40 on a device");
            Err(Error::Shape { what, rows, cols, allowed })
        }
    }
}

/// [`gemm`](gemm::gemm) on a device, with the same bits, for operands with one scale each and a D
/// in f32 or bf16. Copies to and from it, and waits; [`GemmOn`] does neither.
///
/// # Errors
/// As [`gemm`](gemm::gemm) and [`GemmOn::enqueue`]; [`Error::Parameter`] for operands with more
/// than one scale. D is then untouched.
pub fn gemm_on<T: Element>(
    device: &Device,
    a: &Quantized,
    b: &Quantized,
    plan: &Plan,
    mut d: MatrixMut<T>,
) -> Result<()> {
    let Some(driver) = device.driver() else {
        return gemm::gemm(a, b, plan, &Epilogue::default(), d);
    };
    let (m, n) = (d.rows(), d.cols());
    gemm::check(["a", "b", "d"], a, b, plan, &Epilogue::default(), (m, n))?;
    for (what, operand) in [("granularity of a", a), ("granularity of b", b)] {
        if operand.granularity != Granularity::Tensor {
            return Err(Error::Parameter {
                what,
                got: format!("{:?}", operand.granularity),
                allowed: "Tensor is allowed on a device",
            });
        }
    }
    let wide = WideType::of::<T>();
    kind(plan, wide, a.cols)?;
    let (codes_a, scale_inv_a) = upload(driver, a)?;
    let (codes_b, scale_inv_b) = upload(driver, b)?;
    // Rows of whole 16 bytes, for TMA.
    let pitch = n.next_multiple_of(16 / size_of::<T>());
    let numbers = Buffer::zeroed(driver, m * pitch * size_of::<T>())?;
    let work = GemmOn {
        formats: (a.format, b.format),
        m,
        n,
        k: a.cols,
        a: codes_a.address(),
        pitch_a: a.pitch,
        scale_inv_a: scale_inv_a.address(),
        b: codes_b.address(),
        pitch_b: b.pitch,
        scale_inv_b: scale_inv_b.address(),
        plan: *plan,
        wide,
        d: numbers.address(),
        pitch_d: pitch,
    };
    // SAFETY: all arrays are as large as the work says, and outlive the wait.
    unsafe { work.enqueue(&**driver, Stream::default())? };
    driver.synchronize(Stream::default())?;
    // SAFETY: zeros before the work wrote.
    let bytes = unsafe { numbers.to_bytes()? };
    d.for_each_block(1, |row, rows| {
        let from = &bytes[row * pitch * size_of::<T>()..][..n * size_of::<T>()];
        for to in rows {
            // SAFETY: as many bytes of plain numbers, for which all bits are valid.
            unsafe {
                std::ptr::copy_nonoverlapping(from.as_ptr(), to.as_mut_ptr().cast(), from.len());
            }
        }
    });
    Ok(())
}
