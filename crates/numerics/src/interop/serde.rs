//! The code as a u8: exact for every value, NaN codes too.

use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::for_all;
use crate::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz, E8m0};

macro_rules! serde {
    ($name:ident) => {
        /// As its code.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u8(self.to_bits())
            }
        }

        /// From its code, of which every one is a value.
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                u8::deserialize(deserializer).map(Self::from_bits)
            }
        }
    };
}

for_all!(serde);
