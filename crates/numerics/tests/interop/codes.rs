//! `serde`.

use quarter_numerics::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz, E8m0};
use serde::Deserialize;
use serde::de::value::{Error, U8Deserializer};

macro_rules! check_serde {
    ($name:ident) => {
        for code in 0..=255 {
            let json = serde_json::to_string(&[$name::from_bits(code)]).unwrap();
            assert_eq!(json, format!("[{code}]"));
            let [back]: [$name; 1] = serde_json::from_str(&json).unwrap();
            assert_eq!(back.to_bits(), code);
            // Where formats are binary: the byte alone.
            let byte = U8Deserializer::<Error>::new(code);
            assert_eq!($name::deserialize(byte).unwrap().to_bits(), code);
        }
        for no in ["256", "-1", "1.5", "\"1\""] {
            assert!(serde_json::from_str::<$name>(no).is_err(), "{no}");
        }
    };
}

each! {
    codes_are_serialized: check_serde for E4m3 E5m2 E4m3Fnuz E5m2Fnuz E8m0;
}
