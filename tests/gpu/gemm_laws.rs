//! What holds of any right product, whoever computes it: no reference is asked here.

use quarter::gemm::{self, Plan, Promotion, ScaleOrder};
use quarter::gpu::Device;
use quarter::quantize::{Granularity, MatrixMut, Quantized};
use quarter::{E4m3, Format};

use crate::devices::devices;
use crate::values::Draws;

/// Rows of E4M3 codes.
type Rows = Vec<Vec<u8>>;

const PROMOTIONS: [Promotion; 2] = [Promotion::Never, Promotion::Every(128)];

fn product(device: &Device, a: &Rows, b: &Rows, promotion: Promotion) -> Vec<Vec<u32>> {
    let operand = |rows: &Rows| {
        let shape = (rows.len(), rows[0].len());
        let codes = rows.concat();
        Quantized::from_unpadded(Format::E4m3, shape, &codes, Granularity::Tensor, vec![1.0])
            .unwrap()
    };
    let (m, n) = (a.len(), b.len());
    let mut d = vec![0f32; m * n];
    let plan = Plan { promotion, scales: ScaleOrder::Sequential };
    let matrix = MatrixMut::new(&mut d, m, n).unwrap();
    gemm::gemm_on(device, &operand(a), &operand(b), &plan, matrix).unwrap();
    d.chunks(n).map(|row| row.iter().map(|x| x.to_bits()).collect()).collect()
}

/// Finite codes, of all sizes: sums of them depend on their order.
fn rows(rows: usize, cols: usize, draws: &mut Draws) -> Rows {
    let mut code = || match draws.next() as u8 {
        nan if nan & 0x7f == 0x7f => nan ^ 1,
        code => code,
    };
    (0..rows).map(|_| (0..cols).map(|_| code()).collect()).collect()
}

fn shuffled(n: usize, draws: &mut Draws) -> Vec<usize> {
    let mut places: Vec<usize> = (0..n).collect();
    (1..n).rev().for_each(|i| places.swap(i, draws.next() as usize % (i + 1)));
    places
}

fn columns(rows: &Rows, order: &[usize]) -> Rows {
    rows.iter().map(|row| order.iter().map(|k| row[*k]).collect()).collect()
}

/// Every schedule and completion of a few seeds, both plans.
fn everywhere(mut check: impl FnMut(&Device, Promotion, &mut Draws)) {
    for seed in 0..6 {
        for device in devices(seed) {
            for promotion in PROMOTIONS {
                check(&device, promotion, &mut Draws(seed));
            }
        }
    }
}

/// A row of zeros and one 1 picks a column: whatever is misplaced on its way is seen where it went.
#[test]
fn unit_vectors_pick_what_they_point_at() {
    const ONE: u8 = 0x38;
    let (m, n, k) = (200, 300, 200);
    everywhere(|device, promotion, draws| {
        let units: Rows = (0..m.max(n))
            .map(|i| (0..k).map(|j| if j == i * 7 % k { ONE } else { 0 }).collect())
            .collect();
        let value = |code: u8| match E4m3::from_bits(code).to_f32() {
            0.0 => 0, // the tensor core gives no -0
            x => x.to_bits(),
        };
        let b = rows(n, k, draws);
        let d = product(device, &units[..m].to_vec(), &b, promotion);
        for (i, row) in d.iter().enumerate() {
            for (j, got) in row.iter().enumerate() {
                assert_eq!(*got, value(b[j][i * 7 % k]), "{promotion:?} row {i}, column {j}");
            }
        }
        let a = rows(m, k, draws);
        let d = product(device, &a, &units[..n].to_vec(), promotion);
        for (i, row) in d.iter().enumerate() {
            for (j, got) in row.iter().enumerate() {
                assert_eq!(*got, value(a[i][j * 7 % k]), "{promotion:?} row {i}, column {j}");
            }
        }
    });
}

/// The 32 products of a step are summed at once.
#[test]
fn a_permutation_inside_of_a_step_changes_no_bit() {
    let (m, n, k) = (70, 80, 320);
    everywhere(|device, promotion, draws| {
        let (a, b) = (rows(m, k, draws), rows(n, k, draws));
        let steps = (0..k / 32).flat_map(|step| {
            shuffled(32, draws).into_iter().map(move |i| 32 * step + i).collect::<Vec<_>>()
        });
        let order: Vec<usize> = steps.collect();
        let before = product(device, &a, &b, promotion);
        let after = product(device, &columns(&a, &order), &columns(&b, &order), promotion);
        assert!(before == after, "{promotion:?}");
    });
}

/// Steps are summed one after the other: what comes before a large one is added up, what comes
/// behind it is lost bit by bit.
#[test]
fn the_order_of_steps_is_the_order_of_k() {
    let (large, one, quarter) = (0x7e, 0x38, 0x28);
    let (m, n, k) = (65, 257, 128);
    // One step is 448 * 448 and zeros; in the others 32 products make 8.
    let rows = |count, place: usize, small: u8| -> Rows {
        let code = |j: usize| match (j / 32 == place, j % 32) {
            (true, 0) => large,
            (true, _) => 0,
            (false, _) => small,
        };
        (0..count).map(|_| (0..k).map(code).collect()).collect()
    };
    everywhere(|device, promotion, _| {
        // Thirteen bits behind the first of 448 * 448 is 16: an 8 is lost, 16 and 24 leave 16.
        for (place, left) in [(0, 0.0), (1, 0.0), (2, 16.0), (3, 16.0)] {
            let d = product(device, &rows(m, place, one), &rows(n, place, quarter), promotion);
            let expected = (448.0f32 * 448.0 + left).to_bits();
            assert!(d.iter().flatten().all(|d| *d == expected), "{promotion:?} {place}");
        }
    });
}

/// Small whole numbers are summed without rounding, in any order.
#[test]
fn exact_sums_have_no_order() {
    let (m, n, k) = (130, 260, 400);
    everywhere(|device, promotion, draws| {
        // -2 to 2.
        let small = [0xc0, 0xb8, 0x00, 0x38, 0x40];
        let mut rows = |count: usize| -> Rows {
            (0..count).map(|_| (0..k).map(|_| small[draws.next() as usize % 5]).collect()).collect()
        };
        let (a, b) = (rows(m), rows(n));
        let order = shuffled(k, draws);
        let before = product(device, &a, &b, promotion);
        let after = product(device, &columns(&a, &order), &columns(&b, &order), promotion);
        assert!(before == after, "{promotion:?}");
        for (i, row) in before.iter().enumerate() {
            for (j, got) in row.iter().enumerate() {
                let number = |code: u8| E4m3::from_bits(code).to_f32() as i32;
                let sum: i32 = a[i].iter().zip(&b[j]).map(|(a, b)| number(*a) * number(*b)).sum();
                assert_eq!(f32::from_bits(*got), sum as f32, "{promotion:?} {i} {j}");
            }
        }
    });
}

/// A row of D knows its row of A and nothing of the others; the same of columns and B.
#[test]
fn rows_and_columns_go_where_theirs_go() {
    let (m, n, k) = (140, 270, 200);
    everywhere(|device, promotion, draws| {
        let (a, b) = (rows(m, k, draws), rows(n, k, draws));
        let (down, across) = (shuffled(m, draws), shuffled(n, draws));
        let before = product(device, &a, &b, promotion);
        let pick = |rows: &Rows, order: &[usize]| -> Rows {
            order.iter().map(|i| rows[*i].clone()).collect()
        };
        let after = product(device, &pick(&a, &down), &pick(&b, &across), promotion);
        let turned = product(device, &b, &a, promotion);
        for (i, row) in after.iter().enumerate() {
            for (j, got) in row.iter().enumerate() {
                assert_eq!(*got, before[down[i]][across[j]], "{promotion:?} {i} {j}");
                assert_eq!(turned[j][i], before[i][j], "{promotion:?} turned, {i} {j}");
            }
        }
    });
}
