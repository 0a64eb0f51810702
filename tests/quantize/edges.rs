//! The limits of a cast, and calls that are refused.

use quarter::quantize::{
    Granularity, Matrix, MatrixMut, Quantized, Quantizer, Scale, default_pitch,
};
use quarter::{Error, Format};

/// An outlier of 1e6 costs its own tile its resolution, and no other.
#[test]
fn an_outlier_stays_in_its_block() {
    let mut x = vec![1f32; 4 * 256];
    x[300] = 1e6;
    let flushed = |granularity| {
        let q = Quantizer { granularity, ..Quantizer::default() };
        q.quantize(Matrix::new(&x, 4, 256).unwrap()).unwrap().stats.flushed
    };
    assert_eq!(flushed(Granularity::Tensor), 1023);
    assert_eq!(flushed(Granularity::Row), 255);
    assert_eq!(flushed(Granularity::Block1x128), 127);
    assert_eq!(flushed(Granularity::Block128x128), 4 * 128 - 1);
}

#[test]
fn wrong_calls_say_what_is_allowed() {
    let x = [1f32; 12];
    let m = Matrix::new(&x, 3, 4).unwrap();
    let q = Quantizer::default();
    assert_eq!(
        Matrix::new(&x, 3, 5).unwrap_err().to_string(),
        "matrix has 12 elements; 3 x 5 elements are needed"
    );
    assert!(matches!(Matrix::with_pitch(&x, 3, 4, 3), Err(Error::Shape { .. })));
    assert!(matches!(Matrix::with_pitch(&x, 4, 4, 4), Err(Error::Length { .. })));
    assert!(matches!(Matrix::new(&x, usize::MAX, 2), Err(Error::Length { .. })));
    let with = |scale: Scale, granularity| {
        Quantizer { scale, granularity, ..Quantizer::default() }.quantize(m).unwrap_err()
    };
    assert_eq!(
        with(Scale::Given(&[1.0]), Granularity::Row).to_string(),
        "scales has 1 elements; 3 are needed for Row"
    );
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY, f32::from_bits(1)] {
        assert!(matches!(
            with(Scale::Given(&[bad]), Granularity::Tensor),
            Error::Parameter { what: "scale", .. }
        ));
    }
    for pitch in [Some(0), Some(3), Some(8), Some(17)] {
        assert!(matches!(Quantizer { pitch, ..q }.quantize(m), Err(Error::Shape { .. })));
    }
    let given = Quantizer { scale: Scale::Given(&[1.0; 3]), granularity: Granularity::Row, ..q };
    assert!(given.quantize(m).is_ok());
    assert!(matches!(given.quantize_both(m), Err(Error::Parameter { .. })));
    let row = Quantizer { granularity: Granularity::Row, ..q }.quantize(m).unwrap().data;
    assert!(matches!(row.transpose(), Err(Error::Shape { .. })));
    let unpadded = |n: usize, s: Vec<f32>| {
        Quantized::from_unpadded(Format::E5m2, (3, 4), &vec![0; n], Granularity::Tensor, s)
    };
    assert!(matches!(unpadded(11, vec![1.0]), Err(Error::Length { .. })));
    assert!(matches!(unpadded(12, vec![]), Err(Error::Length { .. })));
    assert!(matches!(unpadded(12, vec![f32::NAN]), Err(Error::Parameter { .. })));
    assert!(unpadded(12, vec![1.0]).is_ok());
}

/// Sides and pitches whose products overflow are refused, not computed with.
#[test]
fn absurd_extents_are_refused() {
    use Granularity::{Block1x128, Block128x128, Row, Tensor};
    const MAX: usize = usize::MAX;
    let shape = |e: Error| assert!(matches!(e, Error::Shape { .. }), "{e}");
    for (rows, cols) in [(MAX, 0), (0, MAX), (MAX - 15, 0), (0, MAX / 8), (MAX / 8, 0)] {
        shape(Matrix::<f32>::new(&[], rows, cols).unwrap_err());
        shape(MatrixMut::<f32>::new(&mut [], rows, cols).unwrap_err());
        shape(
            Matrix::<f32>::with_pitch(&[], rows, cols, cols)
                .err()
                .unwrap_or_else(|| panic!("{rows} x {cols} is not refused")),
        );
        for granularity in [Tensor, Row, Block1x128, Block128x128] {
            let scales = vec![1.0; usize::from(granularity == Tensor)];
            let codes =
                Quantized::from_unpadded(Format::E4m3, (rows, cols), &[], granularity, scales);
            shape(codes.unwrap_err());
        }
    }
    let q = Quantizer::default();
    for granularity in [Tensor, Row, Block1x128, Block128x128] {
        shape(Quantizer { granularity, ..q }.validate(MAX, MAX).unwrap_err());
        shape(
            Quantizer { granularity, scale: Scale::Given(&[]), ..q }.validate(MAX, 3).unwrap_err(),
        );
    }
    assert_eq!(Block1x128.scales(MAX, MAX), MAX);
    assert_eq!((default_pitch(MAX), default_pitch(MAX - 15)), (MAX - 15, MAX - 15));
    let x = [1f32; 4];
    let m = Matrix::new(&x, 2, 2).unwrap();
    for pitch in [MAX & !15, 1 << 62, 1 << 40, (1 << 62) + 16] {
        shape(Quantizer { pitch: Some(pitch), ..q }.quantize(m).unwrap_err());
    }
    // Empty and of a size that could be held: no error, no elements.
    let long = Matrix::<f32>::new(&[], 0, 1 << 40).unwrap();
    let (cast, turned) = q.quantize_both(long).unwrap();
    assert_eq!((cast.data.bytes(), turned.data.rows(), turned.data.bytes()), (4, 1 << 40, 4));
}
