//! Files that are read, files that are refused, and replays that must not pass.
#![cfg(feature = "std")]

mod golden;

use quarter_numerics::recording::{
    Backend, BackendError, Contents, Dot, FastPath, Mismatch, Path, Record, Recording,
    RecordingError, Reference, replay,
};
use quarter_numerics::tensor_core::known::{self, Instruction, Known};
use quarter_numerics::tensor_core::{Accumulator, Gpu, Operand};

/// A file of one record, by the tables in the documentation.
fn chain_file(steps: u8) -> Vec<u8> {
    let k = 32 * usize::from(steps);
    let mut file = b"W8GV\x01\0\0\x01\0".to_vec();
    file.push(steps);
    file.extend(32u16.to_le_bytes());
    file.extend(1u32.to_le_bytes());
    file.extend((4 + 2 * k as u32 + 4 + 4 * u32::from(steps)).to_le_bytes());
    file.extend([9; 12]);
    file.extend([5, 6, 0, 0]);
    file.extend((0..k).map(|i| i as u8));
    file.extend((0..k).map(|i| 100 + i as u8 % 20));
    file.extend(0x3f80_0000u32.to_le_bytes());
    for step in 0..u32::from(steps) {
        file.extend((step + 7).to_le_bytes());
    }
    file
}

fn gpu_file(formats: [u8; 2], accumulator: u8, path: u8, k: u16, element: u32) -> Vec<u8> {
    let size = 2 * u32::from(k) * element + 8;
    let mut file = b"W8HW\x01\0".to_vec();
    file.extend(formats);
    file.extend([accumulator, path]);
    file.extend(k.to_le_bytes());
    file.extend(2u32.to_le_bytes());
    file.extend(size.to_le_bytes());
    file.extend([0; 12]);
    file.extend((0..2 * size).map(|i| i as u8));
    file
}

fn product_file() -> Vec<u8> {
    let mut file = b"W8GM\x01\0\0\x01".to_vec();
    for field in [2u32, 3, 40, 32] {
        file.extend(field.to_le_bytes());
    }
    file.extend([0; 8]);
    file.extend((0..40 * 5).map(|i| i as u8 & 0x3f));
    file.extend((0..2 * 6 * 4).map(|i| i as u8));
    file
}

#[test]
fn chains_are_read_as_documented() {
    let recording = Recording::parse(&chain_file(2)).unwrap();
    assert_eq!(recording.operands, (Operand::E4m3, Operand::E5m2));
    assert_eq!(recording.accumulator, Accumulator::F32);
    let Contents::Dots { k, records } = &recording.contents else { panic!("dots") };
    assert_eq!((*k, records.len(), recording.len()), (32, 1, 1));
    let record = &records[0];
    assert_eq!((record.class, record.flags, record.c), (5, 6, 0x3f80_0000));
    assert_eq!(record.a, (0..64).collect::<Vec<u32>>());
    assert_eq!((record.b[0], record.b[63]), (100, 103));
    assert_eq!(record.d, [7, 8]);
    let known = recording.known(None).unwrap();
    assert_eq!((known.gpu, known.instruction), (Gpu::Hopper, Instruction::Wgmma));
}

#[test]
fn gpu_outputs_are_read_as_documented() {
    // f16: two bytes an element, and the upper half of c and d ignored.
    let recording = Recording::parse(&gpu_file([2, 2], 1, 4, 8, 2)).unwrap();
    let Contents::Dots { k: 8, records } = &recording.contents else { panic!("dots of 8") };
    assert_eq!((records[0].a[0], records[0].b[0]), (0x0100, 0x1110));
    assert_eq!((records[0].c, &records[0].d[..]), (0x2120, &[0x2524][..]));
    assert_eq!(records[1].a[0], 0x2928);
    let recording = Recording::parse(&gpu_file([4, 4], 0, 4, 4, 4)).unwrap();
    let Contents::Dots { k: 4, records } = &recording.contents else { panic!("dots of 4") };
    assert_eq!((records[0].a[1], records[0].c), (0x0706_0504, 0x2322_2120));
}

#[test]
fn products_are_read_as_documented() {
    let recording = Recording::parse(&product_file()).unwrap();
    let Contents::Product(product) = &recording.contents else { panic!("a product") };
    assert_eq!((product.m, product.n, product.k, product.promotion), (2, 3, 40, 32));
    assert_eq!((product.a[40], product.b[0]), (40, 80 & 0x3f));
    assert_eq!((product.chain[0], product.promoted[0]), (0x0302_0100, 0x1b1a_1918));
    assert_eq!(recording.len(), 6);
}

#[test]
fn the_gpu_is_asked_for_where_it_matters() {
    let known = |formats, path, k, element, gpu| {
        Recording::parse(&gpu_file(formats, 0, path, k, element)).unwrap().known(gpu)
    };
    let gpu = |known: Result<Known, _>| known.unwrap().gpu;
    assert_eq!(gpu(known([0, 0], 1, 32, 1, None)), Gpu::Hopper);
    assert_eq!(gpu(known([0, 0], 1, 32, 1, Some(Gpu::Ada))), Gpu::Hopper);
    assert_eq!(gpu(known([1, 1], 2, 32, 1, Some(Gpu::Hopper))), Gpu::Ada);
    assert_eq!(gpu(known([1, 0], 3, 32, 1, None)), Gpu::Hopper);
    assert_eq!(gpu(known([1, 0], 3, 32, 1, Some(Gpu::Blackwell))), Gpu::Blackwell);
    assert_eq!(gpu(known([3, 3], 4, 16, 2, Some(Gpu::Ampere))), Gpu::Ampere);
    let missing = known([3, 3], 4, 16, 2, None).unwrap_err().to_string();
    assert!(missing.contains("differs among GPUs"), "{missing}");
    let foreign = known([3, 3], 4, 16, 2, Some(Gpu::Volta)).unwrap_err().to_string();
    assert!(foreign.contains("volta has no known mma.sync bf16"), "{foreign}");
}

#[test]
fn damaged_files_are_refused() {
    for file in [chain_file(1), chain_file(4), gpu_file([0, 0], 0, 1, 32, 1), product_file()] {
        assert!(Recording::parse(&file).is_ok());
        for end in 0..file.len() {
            match Recording::parse(&file[..end]) {
                Err(RecordingError::Unknown) => assert!(end < 32),
                Err(RecordingError::Length { got, .. }) => assert_eq!(got, end),
                other => panic!("{end} bytes: {other:?}"),
            }
        }
        let longer = [&file[..], &[0]].concat();
        assert!(matches!(Recording::parse(&longer), Err(RecordingError::Length { .. })));
        // Any header at all: an answer, and no panic.
        for at in 0..32 {
            for byte in 0..=255 {
                let mut other = file.clone();
                other[at] = byte;
                let _ = Recording::parse(&other);
            }
        }
    }
    let with = |mut file: Vec<u8>, at: usize, byte: u8| {
        file[at] = byte;
        Recording::parse(&file).unwrap_err().to_string()
    };
    assert_eq!(with(chain_file(1), 0, b'X'), "no header of W8GV, W8GM or W8HW");
    assert_eq!(with(chain_file(1), 4, 2), "version is 2; 1 is known");
    assert_eq!(with(chain_file(1), 6, 5), "format of a is 5; 0 to 4 are formats");
    assert_eq!(with(chain_file(1), 8, 2), "accumulator is 2; 0 (f32) and 1 (f16) are known");
    assert!(with(chain_file(1), 9, 0).contains("k of a record is 0"));
    assert!(with(chain_file(1), 10, 16).contains("k of a step is 16"));
    assert!(with(chain_file(1), 16, 77).contains("record size is 77"));
    assert!(with(gpu_file([0, 0], 0, 1, 32, 1), 9, 4).contains("path is 4"));
    assert!(with(product_file(), 20, 33).contains("promotion interval is 33"));
    assert!(with(product_file(), 6, 2).contains("a product is of FP8"));
    assert!(with(product_file(), 19, 0xff).starts_with("truncated: 280 of "));
}

/// What is written is what was read, but for what is not read.
#[test]
fn files_are_written_as_they_were_read() {
    let all = golden::committed().into_iter().chain(golden::committed_gpus());
    let own = [chain_file(3), gpu_file([0, 1], 1, 6, 32, 1), product_file()];
    let own = own.iter().map(|file| Recording::parse(file).unwrap());
    let mut count = 0;
    for recording in all.map(|golden| golden.recording).chain(own) {
        let bytes = recording.to_bytes().unwrap();
        assert_eq!(Recording::parse(&bytes).as_ref(), Ok(&recording));
        count += 1;
    }
    assert_eq!(count, 22 + 61 + 3);
    let mut file = product_file();
    assert_eq!(Recording::parse(&file).unwrap().to_bytes().unwrap(), file);
    file = gpu_file([2, 2], 0, 4, 16, 2);
    assert_eq!(Recording::parse(&file).unwrap().to_bytes().unwrap(), file);
    // Seed and padding were not read.
    file = chain_file(2);
    file[20..32].fill(0);
    assert_eq!(Recording::parse(&file).unwrap().to_bytes().unwrap(), file);
}

#[test]
fn what_could_not_be_read_is_not_written() {
    let refusal = |change: &dyn Fn(&mut Recording)| {
        let mut recording = Recording::parse(&chain_file(2)).unwrap();
        change(&mut recording);
        recording.to_bytes().unwrap_err().to_string()
    };
    let with = |change: &dyn Fn(&mut usize, &mut Vec<Record>)| {
        refusal(&|recording| match &mut recording.contents {
            Contents::Dots { k, records } => change(k, records),
            Contents::Product(_) => panic!("dots"),
        })
    };
    assert!(with(&|_, r| r[0].a.truncate(63)).starts_with("elements of a is 63; "));
    assert!(with(&|_, r| r[0].d.truncate(1)).starts_with("elements of a is 64; "));
    assert!(with(&|_, r| r.push(Record { d: vec![], ..r[0].clone() })).starts_with("steps is 0; "));
    assert!(with(&|k, _| *k = 1 << 20).starts_with("k is 1048576; the file's field is too small"));
    assert!(with(&|_, r| r[0].d = vec![0; 300]).starts_with("steps is 300; "));
    assert!(refusal(&|r| r.operands.1 = Operand::F16).contains("as large as those of a"));
    assert!(refusal(&|r| r.path = Path::AdaFp8).starts_with("steps is 2; "));
    let mut product = Recording::parse(&product_file()).unwrap();
    product.accumulator = Accumulator::F16;
    assert!(product.to_bytes().unwrap_err().to_string().contains("it is wgmma with f32"));
}

/// One flipped bit is found, and nothing else.
#[test]
fn a_changed_result_is_found() {
    for golden in golden::committed() {
        let (mut changed, known) = (golden.recording.clone(), golden.known());
        let (expected_record, expected_step) = match &mut changed.contents {
            Contents::Dots { records, .. } => {
                let (record, step) = (records.len() / 2, records[0].d.len() - 1);
                records[record].d[step] ^= 1;
                (record, step)
            }
            Contents::Product(product) => {
                product.promoted[17] ^= 0x8000_0000;
                (17, 1)
            }
        };
        let outcome = replay(&changed, &known, &Reference).unwrap();
        let [Mismatch { record, step, recorded, computed }] = outcome.mismatches[..] else {
            panic!("{}: {:?}", golden.name, outcome.mismatches)
        };
        assert_eq!((record, step), (expected_record, expected_step), "{}", golden.name);
        assert_eq!((recorded ^ computed).count_ones(), 1);
    }
}

/// A backend that is wrong in one place.
struct Wrong;

impl Backend for Wrong {
    fn name(&self) -> &str {
        "wrong"
    }

    fn dots(&self, known: &Known, dots: &[Dot]) -> Result<Vec<u32>, BackendError> {
        let mut d = Reference.dots(known, dots)?;
        *d.last_mut().unwrap() ^= 1;
        Ok(d)
    }
}

#[test]
fn a_wrong_backend_is_found() {
    for golden in golden::committed() {
        let outcome = replay(&golden.recording, &golden.known(), &Wrong).unwrap();
        let records: Vec<usize> = outcome.mismatches.iter().map(|m| m.record).collect();
        assert_eq!(records, [golden.recording.len() - 1], "{}", golden.name);
    }
}

/// The wrong arithmetic is told from the right one.
#[test]
fn files_tell_arithmetics_apart() {
    for golden in golden::committed() {
        let right = golden.known();
        for other in golden.recording.candidates() {
            let outcome = replay(&golden.recording, &other, &Reference).unwrap();
            // Hopper's 16-bit wgmma and mma.sync are one arithmetic, so far as is known.
            let same = other.arithmetic == right.arithmetic;
            assert_eq!(outcome.mismatches.is_empty(), same, "{}: {other}", golden.name);
        }
    }
}

#[test]
fn vector_paths_refuse_what_they_have_not() {
    for known in known::all() {
        let of = &known.arithmetic;
        let has = known.gpu == Gpu::Hopper
            && known.instruction == Instruction::Wgmma
            && of.a.is_fp8()
            && of.accumulator == Accumulator::F32;
        let answer = FastPath::default().dots(&known, &[]);
        assert_eq!(answer.is_ok(), has, "{known}");
        if let Err(refusal) = answer {
            assert_eq!(refusal.to_string(), format!("backend fast has no {known}"));
        }
    }
}
