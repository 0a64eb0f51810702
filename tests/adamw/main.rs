//! The AdamW reference: against a naive second statement of its contract, bit
//! for bit, and against the failures it exists to avoid.

mod behaviour;
mod bits;
mod naive;
mod norms;
mod storage;
