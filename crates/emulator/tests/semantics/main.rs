//! Every operation against an independent computation, through text, decoder and lanes.

mod conversions;
mod floats;
mod integers;
mod one;
mod predicates;
mod spellings;
