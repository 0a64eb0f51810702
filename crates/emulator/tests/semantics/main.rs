//! Every operation against an independent computation, through text, decoder and lanes.

mod conversions;
mod doubles;
mod floats;
mod integers;
mod one;
mod predicates;
mod spellings;
