//! The kernels against the CPU reference, bit for bit, on every device there is: property tests
//! over types, formats, shapes, layouts and values, and what the emulator alone can count.

mod adamw;
mod adamw_on;
mod dequantize;
mod devices;
mod gemm;
mod gemm_edges;
mod gemm_laws;
mod graph;
mod protocols;
mod quantize;
mod raw;
mod scaling;
mod traffic;
mod transpose;
mod twins;
mod values;
mod wgmma;
