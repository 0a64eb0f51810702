//! `bytemuck`.

use bytemuck::TransparentWrapper;
use quarter_numerics::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz, E8m0};

macro_rules! check_bytemuck {
    ($name:ident) => {
        let mut bytes: Vec<u8> = (0..=255).collect();
        let values: &[$name] = bytemuck::cast_slice(&bytes);
        assert!(values.iter().map(|x| x.to_bits()).eq(0..=255));
        bytemuck::cast_slice_mut::<u8, $name>(&mut bytes)[7] = $name::NAN;
        assert_eq!(bytes[7], $name::NAN.to_bits());
        assert_eq!(<$name as bytemuck::Zeroable>::zeroed().to_bits(), 0);
        assert_eq!($name::wrap(9).to_bits(), 9);
    };
}

each! {
    bytes_are_values: check_bytemuck for E4m3 E5m2 E4m3Fnuz E5m2Fnuz E8m0;
}
