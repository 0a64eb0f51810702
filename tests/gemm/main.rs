//! Products against the contract, restated one element at a time.

mod bounds;
#[path = "../common/mod.rs"]
mod common;
mod contract;
mod fixed;
mod operands;
mod predictions;
mod products;
