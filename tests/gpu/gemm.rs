//! Products: any shape, values, plan and layout of D.

use std::fmt::Debug;
use std::sync::Arc;

use half::bf16;
use proptest::prelude::*;
use quarter::gemm::{self, Plan, Promotion, ScaleOrder};
use quarter::gpu::emulate::Options;
use quarter::gpu::{Buffer, Device, Driver, Emulator, GemmOn, Stream, WideType};
use quarter::quantize::{Granularity, MatrixMut, Quantized};
use quarter::{Element, Format};

use crate::devices::{devices, driver};
use crate::values::Draws;

/// What codes are like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Codes {
    /// Every finite code.
    Finite,
    /// Within a few binades, so that no product vanishes beside another.
    Near,
    /// All of them: NaN, and infinities of E5M2.
    Any,
    /// One in so many is not zero.
    Sparse,
    /// One and minus one, where rounding shows the order of a long sum.
    Ones,
}

/// A product on each device and by the reference.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// M, N, K.
    pub sides: (usize, usize, usize),
    pub formats: (Format, Format),
    pub codes: (Codes, Codes),
    pub promotion: Promotion,
    pub scales: ScaleOrder,
    pub wide: WideType,
    /// Of D, in elements: where it begins, and what is between its rows.
    pub layout: (usize, usize),
    pub seed: u64,
    pub schedule: u64,
}

fn side(most: usize) -> impl Strategy<Value = usize> {
    let edges = vec![1, 7, 8, 9, 63, 64, 65, 127, 128, 129, 192, 255, 256, 257, 300];
    prop_oneof![1..most, prop::sample::select(edges)]
}

pub fn cases() -> impl Strategy<Value = Case> {
    let k = prop_oneof![
        3 => 1..300usize,
        3 => prop::sample::select(vec![1, 16, 31, 32, 33, 64, 96, 127, 128, 129, 256, 512, 640]),
        1 => 300..2048usize,
    ];
    let format = || prop::sample::select(vec![Format::E4m3, Format::E5m2]);
    let codes = || {
        use Codes::{Any, Finite, Near, Ones, Sparse};
        prop::sample::select(vec![Finite, Near, Near, Any, Sparse, Ones])
    };
    let promotion = prop::sample::select(vec![Promotion::Never, Promotion::Every(128)]);
    let scales = prop::sample::select(vec![ScaleOrder::Sequential, ScaleOrder::Combined]);
    let wide = prop::sample::select(vec![WideType::F32, WideType::Bf16]);
    let layout = prop_oneof![Just((0, 0)), Just((0, 8)), (0..20usize, 0..20usize)];
    let schedule = prop_oneof![Just(0), any::<u64>()];
    (
        (side(320), side(600), k),
        (format(), format()),
        (codes(), codes()),
        promotion,
        scales,
        wide,
        layout,
        any::<u64>(),
        schedule,
    )
        .prop_map(
            |(sides, formats, codes, promotion, scales, wide, layout, seed, schedule)| {
                let layout = layout_of(sides.1, layout);
                Case { sides, formats, codes, promotion, scales, wide, layout, seed, schedule }
            },
        )
}

/// Products of which each cluster of the emulator's has several tiles, and each stage several turns.
pub fn fixed() -> Vec<Case> {
    let of = |sides, layout, schedule| Case {
        sides,
        formats: (Format::E4m3, Format::E5m2),
        codes: (Codes::Near, Codes::Finite),
        promotion: Promotion::Every(128),
        scales: if schedule % 2 == 0 { ScaleOrder::Sequential } else { ScaleOrder::Combined },
        wide: WideType::Bf16,
        layout,
        seed: schedule,
        schedule,
    };
    // Both scales so small that their product is rounded, which one after the other is not.
    let tiny = |seed| Case { seed, ..of((64, 64, 64), (0, 0), 8) };
    let is_tiny = |case: &Case| {
        let (a, b) = case.operands();
        a.scale_inv()[0].max(b.scale_inv()[0]) < 1e-20
    };
    let tiny = (0..10_000).map(tiny).find(is_tiny).expect("one seed in sixteen");
    let mut cases = vec![
        of((300, 1100, 40), (0, 4), 0),
        of((300, 1100, 40), (0, 4), 1),
        of((300, 1100, 140), (0, 4), 2),
        of((300, 2100, 33), (0, 4), 4),
        of((1100, 30, 700), (0, 2), 5),
        of((257, 600, 260), (1, 1), 7),
        // The last columns that a lane stores by itself.
        of((90, 248, 40), (1, 1), 3),
        of((90, 249, 40), (1, 1), 6),
    ];
    cases.push(tiny);
    cases
}

/// Rows of whole 16 bytes where nothing else was drawn, as TMA needs them.
fn layout_of(n: usize, (offset, pad): (usize, usize)) -> (usize, usize) {
    match (offset, pad) {
        (0, 0 | 8) => (0, n.next_multiple_of(8) - n + pad),
        other => other,
    }
}

/// Codes with one scale, and any bytes between rows.
fn operand(format: Format, rows: usize, cols: usize, codes: Codes, draws: &mut Draws) -> Quantized {
    let one = match format {
        Format::E4m3 => 0x38,
        Format::E5m2 => 0x3c,
    };
    let mut code = || {
        let z = draws.next();
        let any = z as u8;
        let finite = match format {
            Format::E4m3 if any & 0x7f == 0x7f => any - 1,
            Format::E5m2 if any & 0x7f >= 0x7c => any & 0x83 | 0x40,
            _ => any,
        };
        match codes {
            Codes::Any => any,
            Codes::Finite => finite,
            Codes::Near => (z >> 8) as u8 & 0x87 | one ^ (z >> 16) as u8 & 8,
            Codes::Sparse if z >> 60 != 0 => 0,
            Codes::Sparse => finite,
            Codes::Ones => one | any & 0x80,
        }
    };
    let codes: Vec<u8> = (0..rows * cols).map(|_| code()).collect();
    let scale = match draws.next() % 4 {
        0 => 1.0,
        1 => f32::from_bits(1 + (draws.next() >> 8) as u32 % 0x7f7f_ffff),
        // Two of them have a subnormal product, which rounds where one after the other would not.
        2 => (1.0 + (draws.next() >> 40) as f32 / (1 << 24) as f32) * 2f32.powi(-70),
        _ => (1.0 + (draws.next() >> 40) as f32 / (1 << 24) as f32) * 0.01,
    };
    Quantized::from_unpadded(format, (rows, cols), &codes, Granularity::Tensor, vec![scale])
        .unwrap()
}

impl Case {
    #[allow(dead_code, reason = "for the planted bugs")]
    pub fn elements(&self) -> usize {
        self.sides.0 * self.sides.1 * self.sides.2
    }

    /// The same, so that it launches the entry `gemm_A_B_T_PLAN`.
    #[allow(dead_code, reason = "for the planted bugs")]
    pub fn of(self, entry: &str) -> Self {
        let format = |name: Option<&str>| match name {
            Some("e4m3") => Format::E4m3,
            _ => Format::E5m2,
        };
        let mut words = entry.split('_').skip(1);
        let formats = (format(words.next()), format(words.next()));
        let wide = if words.next() == Some("f32") { WideType::F32 } else { WideType::Bf16 };
        let (m, n, k) = self.sides;
        // More than one interval, or a promotion would be none.
        let (promotion, least) = match words.next() {
            Some("promote") => (Promotion::Every(128), 129),
            _ => (Promotion::Never, 1),
        };
        Self { formats, wide, promotion, sides: (m, n, k.max(least)), ..self }
    }

    /// A and B.
    pub fn operands(&self) -> (Quantized, Quantized) {
        let (m, n, k) = self.sides;
        let mut draws = Draws(self.seed);
        let a = operand(self.formats.0, m, k, self.codes.0, &mut draws);
        (a, operand(self.formats.1, n, k, self.codes.1, &mut draws))
    }

    /// All bytes of D and around it, by the reference.
    pub fn expected(&self, a: &Quantized, b: &Quantized) -> Vec<u8> {
        match self.wide {
            WideType::F32 => expected::<f32>(self, a, b),
            _ => expected::<bf16>(self, a, b),
        }
    }

    fn plan(&self) -> Plan {
        Plan { promotion: self.promotion, scales: self.scales }
    }
}

/// What lies around D, and in it before the product.
const BEFORE: u8 = 0xa5;

/// All bytes of D and around it.
fn expected<T: Element>(case: &Case, a: &Quantized, b: &Quantized) -> Vec<u8> {
    let ((m, n, _), (offset, pad)) = (case.sides, case.layout);
    let mut d = vec![T::default(); m * (n + pad)];
    let matrix = MatrixMut::with_pitch(&mut d, m, n, n + pad).unwrap();
    gemm::gemm(a, b, &case.plan(), &Default::default(), matrix).unwrap();
    let size = size_of::<T>();
    let mut bytes = vec![BEFORE; offset * size];
    for row in d.chunks(n + pad) {
        for x in &row[..n] {
            let bits = x.to_f32().to_bits();
            // A bf16 widened is its bits and zeros, but for a NaN's.
            bytes.extend(match size {
                2 => ((bits >> 16) as u16).to_le_bytes().to_vec(),
                _ => bits.to_le_bytes().to_vec(),
            });
        }
        bytes.extend(vec![BEFORE; pad * size]);
    }
    bytes
}

/// A product in memory of a device.
pub struct Placed {
    pub a: Buffer,
    pub b: Buffer,
    pub d: Buffer,
    scales: [Buffer; 2],
}

impl Placed {
    pub fn new(case: &Case, a: &Quantized, b: &Quantized, driver: &Arc<dyn Driver>) -> Self {
        let ((m, n, _), (offset, pad)) = (case.sides, case.layout);
        let array = |bytes: &[u8]| Buffer::from_bytes(driver, bytes).unwrap();
        Self {
            a: array(a.padded()),
            b: array(b.padded()),
            d: array(&vec![BEFORE; (offset + m * (n + pad)) * case.wide.size()]),
            scales: [a, b].map(|x| array(&x.scale_inv()[0].to_le_bytes())),
        }
    }

    pub fn work(&self, case: &Case) -> GemmOn {
        let ((m, n, k), (offset, pad)) = (case.sides, case.layout);
        GemmOn {
            formats: case.formats,
            m,
            n,
            k,
            a: self.a.address(),
            pitch_a: k.next_multiple_of(16),
            scale_inv_a: self.scales[0].address(),
            b: self.b.address(),
            pitch_b: k.next_multiple_of(16),
            scale_inv_b: self.scales[1].address(),
            plan: case.plan(),
            wide: case.wide,
            d: self.d.address() + (offset * case.wide.size()) as u64,
            pitch_d: n + pad,
        }
    }

    /// All bytes of D and around it, behind the work.
    pub fn run(&self, work: &GemmOn, driver: &dyn Driver) -> quarter::Result<Vec<u8>> {
        // SAFETY: arrays of the case's sizes, which outlive the wait; D has been written.
        unsafe {
            work.enqueue(driver, Stream::default())?;
            driver.synchronize(Stream::default())?;
            self.d.to_bytes()
        }
    }
}

pub fn check(case: &Case) {
    check_on_all(case, devices);
}

pub fn check_on_all(case: &Case, devices: fn(u64) -> Vec<Device>) {
    let (a, b) = case.operands();
    let expected = case.expected(&a, &b);
    for device in devices(case.schedule) {
        let driver = device.driver().unwrap();
        let placed = Placed::new(case, &a, &b, driver);
        let got = placed.run(&placed.work(case), &**driver).unwrap_or_else(|e| panic!("{e:?}"));
        let differs = got.iter().zip(&expected).position(|(got, expected)| got != expected);
        assert_eq!(differs, None, "first byte to differ; {} of them", got.len());
        assert_eq!(got.len(), expected.len());
    }
}

/// Panics unless each byte of D is written once, each of A read once for every tile across, and each
/// of B once for every two tiles down, which share it.
pub fn touches(case: &Case) {
    let (a, b) = case.operands();
    let options = Options { count_touches: true, ..Options::default() };
    let emulator = Arc::new(Emulator::new(options));
    let driver = driver(&emulator);
    let placed = Placed::new(case, &a, &b, &driver);
    placed.run(&placed.work(case), &*driver).unwrap_or_else(|e| panic!("{e:?}"));
    let mix = emulator.counters().mix;
    let ((m, n, k), (offset, pad)) = (case.sides, case.layout);
    let size = case.wide.size();
    let ran = |what| mix.iter().any(|(spelling, _)| spelling.starts_with(what));
    let by_tma = offset == 0 && ((n + pad) * size).is_multiple_of(16);
    assert_eq!((ran("cp.async.bulk.tensor.2d.global"), ran("st.global")), (by_tma, !by_tma));
    let stores = emulator.touches(placed.d.address()).unwrap().stores;
    for (i, stores) in stores.iter().enumerate() {
        let inside = i >= offset * size && (i / size - offset) % (n + pad) < n;
        assert_eq!(*stores, u8::from(inside), "byte {i} of D");
    }
    for (buffer, often) in [(&placed.a, n.div_ceil(256)), (&placed.b, m.div_ceil(256))] {
        let loads = emulator.touches(buffer.address()).unwrap().loads;
        for (i, loads) in loads.iter().enumerate() {
            let expected = if i % k.next_multiple_of(16) < k { often } else { 0 };
            assert_eq!(usize::from(*loads), expected, "byte {i} of an operand");
        }
    }
}

/// As [`gemm::gemm_on`] has it.
pub fn through_the_safe_layer<T: Element + Debug>(case: &Case) {
    let (a, b) = case.operands();
    let ((m, n, _), (_, pad)) = (case.sides, case.layout);
    let product = |device: &Device| {
        let mut d = vec![T::default(); m * (n + pad)];
        let matrix = MatrixMut::with_pitch(&mut d, m, n, n + pad).unwrap();
        gemm::gemm_on(device, &a, &b, &case.plan(), matrix).unwrap();
        d.iter().map(|x| x.to_f32().to_bits()).collect::<Vec<_>>()
    };
    let expected = product(&Device::reference());
    for device in devices(case.schedule) {
        assert!(product(&device) == expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn products_are_those_of_the_reference(case in cases()) {
        check(&case);
    }
}

#[test]
fn nothing_is_moved_twice() {
    for pair in ["e4m3_e4m3_f32_fast", "e5m2_e4m3_bf16_promote"] {
        fixed().into_iter().for_each(|case| touches(&case.of(&format!("gemm_{pair}"))));
    }
}

#[test]
fn many_tiles_and_turns() {
    for pair in ["e4m3_e4m3_f32_fast", "e5m2_e4m3_bf16_promote", "e4m3_e5m2_bf16_fast"] {
        fixed().into_iter().for_each(|case| check(&case.of(&format!("gemm_{pair}"))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn safe_products_are_those_of_the_reference(case in cases()) {
        match case.wide {
            WideType::F32 => through_the_safe_layer::<f32>(&case),
            _ => through_the_safe_layer::<bf16>(&case),
        }
    }
}
