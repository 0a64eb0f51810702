//! Casts of matrices against plain loops, for every granularity, shape and value; parts
//! against the whole; and the limits.

mod casts;
mod edges;
mod shards;
