//! Tensor maps: how bulk copies find the boxes of a tensor.
//!
//! CUDA keeps the 128 bytes of a `CUtensorMap` to itself; so does this: [`TensorMap::encode`] has a
//! layout of its own, which only this emulator reads.

use std::fmt;

/// Type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementType {
    /// 8 bits, as FP8 is copied.
    U8,
    /// IEEE half precision.
    F16,
    /// bfloat16.
    Bf16,
    /// IEEE single precision.
    F32,
}

impl ElementType {
    const ALL: [Self; 4] = [Self::U8, Self::F16, Self::Bf16, Self::F32];

    /// Bytes of an element.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }
}

/// How the 16-byte pieces of a box lie in shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Swizzle {
    /// In order.
    None,
    /// Bit 4 of an address is exclusive-or'ed with bit 7.
    B32,
    /// Bits 4 and 5 with 7 and 8.
    B64,
    /// Bits 4 to 6 with 7 to 9.
    B128,
}

impl Swizzle {
    const ALL: [Self; 4] = [Self::None, Self::B32, Self::B64, Self::B128];

    /// The most bytes of a box's row.
    pub const fn span(self) -> usize {
        match self {
            Self::None => usize::MAX,
            Self::B32 => 32,
            Self::B64 => 64,
            Self::B128 => 128,
        }
    }

    /// Where the byte of an address in shared memory lies.
    #[inline(always)]
    pub const fn place(self, address: u64) -> u64 {
        let bits = match self {
            Self::None => 0,
            Self::B32 => 1,
            Self::B64 => 3,
            Self::B128 => 7,
        };
        address ^ (address >> 7 & bits) << 4
    }
}

/// A tensor in global memory, and the boxes in which it is copied. Dimension 0 is contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TensorMap {
    /// Type of the elements.
    pub element: ElementType,
    /// Dimensions: 1 to 3.
    pub rank: usize,
    /// Address of the first element, a multiple of 16.
    pub address: u64,
    /// Elements of each dimension, 1 to 2^32.
    pub dims: [u64; 3],
    /// Bytes from an index of dimension 1, and of dimension 2, to the next: multiples of 16 below
    /// 2^40.
    pub strides: [u64; 2],
    /// Elements of a box, 1 to 256 of each dimension; a multiple of 16 bytes of dimension 0.
    pub box_dims: [u32; 3],
    /// Layout of a box in shared memory.
    pub swizzle: Swizzle,
}

/// Why a tensor map is refused: what was wrong, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTensorMap(String);

impl fmt::Display for InvalidTensorMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidTensorMap {}

/// What begins an encoded map.
const MAGIC: [u8; 8] = *b"quarterT";

impl TensorMap {
    /// Bytes of an encoded map.
    pub const BYTES: usize = 128;

    /// What CUDA's encoder would refuse.
    ///
    /// # Errors
    /// With the field.
    pub fn check(&self) -> Result<(), InvalidTensorMap> {
        let refuse = |what: String| Err(InvalidTensorMap(what));
        let Self { rank, address, dims, strides, box_dims, .. } = *self;
        if !(1..=3).contains(&rank) {
            return refuse(format!("{rank} dimensions; 1 to 3 are allowed"));
        }
        if !address.is_multiple_of(16) {
            return refuse(format!("address {address:#x}; multiples of 16 are allowed"));
        }
        for (i, dim) in dims[..rank].iter().enumerate() {
            if *dim == 0 || *dim > 1 << 32 {
                return refuse(format!("dimension {i} has {dim} elements; 1 to 2^32 are allowed"));
            }
        }
        for (i, stride) in strides[..rank - 1].iter().enumerate() {
            if !stride.is_multiple_of(16) || *stride >= 1 << 40 {
                let i = i + 1;
                return refuse(format!(
                    "a stride of {stride} bytes of dimension {i}; multiples of 16 below 2^40 are \
                     allowed"
                ));
            }
        }
        for (i, dim) in box_dims[..rank].iter().enumerate() {
            if *dim == 0 || *dim > 256 {
                return refuse(format!("a box of {dim} in dimension {i}; 1 to 256 are allowed"));
            }
        }
        let row = self.row_bytes();
        if !row.is_multiple_of(16) {
            return refuse(format!("rows of a box of {row} bytes; multiples of 16 are allowed"));
        }
        if row > self.swizzle.span() {
            let span = self.swizzle.span();
            return refuse(format!(
                "rows of a box of {row} bytes; {span} are allowed with swizzle {:?}",
                self.swizzle
            ));
        }
        Ok(())
    }

    /// Bytes of a box's row.
    pub(crate) fn row_bytes(&self) -> usize {
        self.box_dims[0] as usize * self.element.bytes()
    }

    /// Rows of a box.
    pub(crate) fn rows(&self) -> usize {
        self.box_dims[1..self.rank.max(1)].iter().map(|dim| *dim as usize).product()
    }

    /// Bytes of a box.
    pub(crate) fn box_bytes(&self) -> usize {
        self.row_bytes() * self.rows()
    }

    /// Of row `row` of the box at these coordinates: the address of the row's first element,
    /// and which of its elements are in the tensor.
    pub(crate) fn row(&self, at: [i32; 3], row: usize) -> (u64, std::ops::Range<usize>) {
        let mut address = self.address;
        let mut rest = row;
        let mut inside = true;
        let outer = self.box_dims.iter().zip(at).zip(self.dims).skip(1);
        for (((size, at), dim), stride) in outer.zip(self.strides).take(self.rank - 1) {
            let size = *size as usize;
            let index = i64::from(at) + (rest % size) as i64;
            rest /= size;
            inside &= (0..dim as i64).contains(&index);
            address = address.wrapping_add_signed(index.wrapping_mul(stride as i64));
        }
        let (first, len) = (i64::from(at[0]), i64::from(self.box_dims[0]));
        address = address.wrapping_add_signed(first * self.element.bytes() as i64);
        let end = (self.dims[0] as i64 - first).clamp(0, len);
        let begin = (-first).clamp(0, end);
        let range = if inside { begin as usize..end as usize } else { 0..0 };
        (address, range)
    }

    /// The map as bytes, for a parameter that is aligned to 64.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn encode(&self) -> Result<[u8; Self::BYTES], InvalidTensorMap> {
        self.check()?;
        let mut bytes = [0; Self::BYTES];
        let position = |found: Option<usize>| found.unwrap_or(0) as u64;
        let mut words = vec![
            self.rank as u64,
            position(ElementType::ALL.iter().position(|e| *e == self.element)),
            position(Swizzle::ALL.iter().position(|s| *s == self.swizzle)),
            self.address,
        ];
        words.extend(self.dims);
        words.extend(self.strides);
        words.extend(self.box_dims.map(u64::from));
        let fields = MAGIC.into_iter().chain(words.into_iter().flat_map(u64::to_le_bytes));
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        Ok(bytes)
    }

    /// The map that [`encode`](Self::encode) has made of itself; `None` for any other bytes.
    pub(crate) fn decode(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let mut words = bytes
            .chunks_exact(8)
            .map(|b| b.iter().rev().fold(0, |word: u64, byte| word << 8 | u64::from(*byte)));
        if words.next() != Some(u64::from_le_bytes(MAGIC)) {
            return None;
        }
        let mut next = || words.next();
        let map = Self {
            rank: next()? as usize,
            element: *ElementType::ALL.get(next()? as usize)?,
            swizzle: *Swizzle::ALL.get(next()? as usize)?,
            address: next()?,
            dims: [next()?, next()?, next()?],
            strides: [next()?, next()?],
            box_dims: [next()? as u32, next()? as u32, next()? as u32],
        };
        map.check().ok().map(|()| map)
    }
}
