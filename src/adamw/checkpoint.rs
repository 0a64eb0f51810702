//! The optimizer's state as safetensors, cut anywhere and put together again otherwise.
//!
//! A file holds shards of tensors. Of tensor `NAME` with FP8 moments it has
//!
//! | entry | type | shape |
//! |---|---|---|
//! | `NAME.m`, `NAME.v` | F8_E4M3 | elements |
//! | `NAME.m_scales`, `NAME.v_scales` | F32 | blocks of 128 |
//!
//! and with f32 moments `NAME.m` and `NAME.v` as F32. The metadata has
//!
//! | key | value |
//! |---|---|
//! | `quarter.version` | `1` |
//! | `quarter.clock` | `t`, and the bits of `beta1_pow` and `beta2_pow` in hexadecimal |
//! | `quarter.shard.NAME` | form (`sqrt`, `linear`, `full`), first element, elements of the whole tensor |
//!
//! with spaces between. Blocks count from the start of the whole tensor, so a shard is a run of bytes
//! of each entry: files of `n` ranks serve `m` others.
//!
//! ```
//! use quarter::adamw::{Clock, Moments, checkpoint::{Checkpoint, Shard, save}};
//!
//! let moments = Moments::new(Default::default(), 1000)?;
//! let mut first = moments.clone();
//! let second = first.split_off(512)?;
//! let save_one = |moments: Moments| {
//!     save(&Clock::START, &[Shard { name: "w", whole_len: 1000, moments: &moments.into() }])
//! };
//! let files = [save_one(first)?, save_one(second)?];
//! let checkpoint = Checkpoint::open(&files.each_ref().map(|file| &file[..]))?;
//! assert_eq!(checkpoint.clock(), Clock::START);
//! assert_eq!(checkpoint.moments("w", 0, 1000)?, moments.into());
//! # Ok::<(), quarter::Error>(())
//! ```

use std::collections::{BTreeMap, HashMap};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::{BLOCK, Clock, FullMoments, Moments, SecondForm, StoredMoments};
use crate::{Error, Result};

/// A shard to be saved.
#[derive(Clone, Copy, Debug)]
pub struct Shard<'a> {
    /// The tensor's name.
    pub name: &'a str,
    /// Elements of the whole tensor.
    pub whole_len: u64,
    /// Its moments, which know where they begin.
    pub moments: &'a StoredMoments,
}

/// The bytes of a file with these shards. The order of its metadata is not fixed: compare states, not
/// files.
///
/// # Errors
/// [`Error::Parameter`] for a clock that [`Clock::validate`] refuses, a name that comes twice and a
/// shard that ends behind its tensor or, before its end, not at a multiple of 128.
pub fn save(clock: &Clock, shards: &[Shard<'_>]) -> Result<Vec<u8>> {
    clock.validate()?;
    let mut metadata = HashMap::from([
        ("quarter.version".to_string(), "1".to_string()),
        (
            "quarter.clock".to_string(),
            format!(
                "{} {:016x} {:016x}",
                clock.t,
                clock.beta1_pow.to_bits(),
                clock.beta2_pow.to_bits()
            ),
        ),
    ]);
    let mut entries: BTreeMap<String, (Dtype, Vec<u8>)> = BTreeMap::new();
    for Shard { name, whole_len, moments } in shards {
        let (first, len) = (moments.first(), moments.len() as u64);
        let end = first + len;
        if end > *whole_len || end < *whole_len && !end.is_multiple_of(BLOCK as u64) {
            let allowed = "it ends with its tensor, or before that at a multiple of 128";
            return refuse(
                "shard",
                format!("{name} from {first} to {end} of {whole_len}"),
                allowed,
            );
        }
        let form = match moments {
            StoredMoments::Full(full) => {
                entries.insert(format!("{name}.m"), (Dtype::F32, bytes(full.m())));
                entries.insert(format!("{name}.v"), (Dtype::F32, bytes(full.v())));
                "full"
            }
            StoredMoments::Fp8(fp8) => {
                let ((m, m_scales), (v, v_scales)) = (fp8.m(), fp8.v());
                for (what, codes, scales) in [("m", m, m_scales), ("v", v, v_scales)] {
                    let codes = (Dtype::F8_E4M3, codes.to_vec());
                    entries.insert(format!("{name}.{what}"), codes);
                    let scales = (Dtype::F32, bytes(scales));
                    entries.insert(format!("{name}.{what}_scales"), scales);
                }
                name_of(fp8.form())
            }
        };
        let key = format!("quarter.shard.{name}");
        if metadata.insert(key, format!("{form} {first} {whole_len}")).is_some() {
            return refuse("shard", (*name).to_string(), "each tensor comes once in a file");
        }
    }
    let views = entries.iter().map(|(name, (dtype, bytes))| {
        let size = if *dtype == Dtype::F32 { 4 } else { 1 };
        TensorView::new(*dtype, vec![bytes.len() / size], bytes).map(|view| (name, view))
    });
    let views: Vec<_> = views.collect::<Result<_, _>>().map_err(damaged)?;
    safetensors::serialize(views, Some(metadata)).map_err(damaged)
}

/// Files opened together.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    clock: Clock,
    shards: Vec<Opened<'a>>,
}

/// A shard of a file.
#[derive(Clone, Debug)]
struct Opened<'a> {
    name: String,
    /// `None`: f32 moments.
    form: Option<SecondForm>,
    first: u64,
    len: usize,
    whole_len: u64,
    m: &'a [u8],
    v: &'a [u8],
    m_scales: &'a [u8],
    v_scales: &'a [u8],
}

impl Opened<'_> {
    /// What all shards of a tensor have in common.
    fn kind(&self) -> String {
        format!("{} of {}", self.form.map_or("full", name_of), self.whole_len)
    }
}

impl<'a> Checkpoint<'a> {
    /// Files of one step, in any order.
    ///
    /// # Errors
    /// [`Error::Parameter`] says what is wrong with a file: no safetensors, another version, an entry
    /// that is missing or of another type or length, a clock that is none or another file's, tensors
    /// of which two files say different things.
    pub fn open(files: &[&'a [u8]]) -> Result<Self> {
        let (mut clock, mut shards) = (None, Vec::<Opened>::new());
        for &file in files {
            let tensors = SafeTensors::deserialize(file).map_err(damaged)?;
            let (_, header) = SafeTensors::read_metadata(file).map_err(damaged)?;
            let metadata = header.metadata().clone().unwrap_or_default();
            let version = metadata.get("quarter.version").map_or("none", String::as_str);
            if version != "1" {
                return refuse("version", version.to_string(), "version 1 is read");
            }
            let own = parse_clock(metadata.get("quarter.clock").map_or("none", String::as_str))?;
            if *clock.get_or_insert(own) != own {
                return refuse("clock", format!("{own:?}"), "all files are of the same step");
            }
            for (key, place) in &metadata {
                let Some(name) = key.strip_prefix("quarter.shard.") else { continue };
                shards.push(open_shard(&tensors, name, place)?);
            }
        }
        let Some(clock) = clock else {
            return refuse("checkpoint", "no file".into(), "one at least is needed");
        };
        shards.sort_by(|a, b| (&a.name, a.first).cmp(&(&b.name, b.first)));
        for pair in shards.windows(2) {
            let [one, other] = pair else { continue };
            if one.name == other.name && one.kind() != other.kind() {
                let got = format!("{}: {} and {}", one.name, one.kind(), other.kind());
                return refuse("shard", got, "all shards of a tensor have its length and form");
            }
        }
        Ok(Self { clock, shards })
    }

    /// The clock of the step after which it was saved.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The tensors of which there are shards, with the elements of each whole one.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, u64)> {
        let same = |a: &Opened, b: &Opened| a.name == b.name;
        self.shards.chunk_by(same).filter_map(|shards| shards.first()).map(|shard| {
            let Opened { name, whole_len, .. } = shard;
            (name.as_str(), *whole_len)
        })
    }

    /// The moments of elements `first` to `first + len` of a tensor, from however many shards. f32
    /// moments come back as such: [`Moments::from_full`] and [`Moments::to_full`] go between.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a range that does not begin at a multiple of 128, that ends neither
    /// at one nor with the tensor, or that the shards do not cover; for shards that disagree on a
    /// block; and as [`Moments::from_parts`] and [`FullMoments::from_parts`].
    pub fn moments(&self, name: &str, first: u64, len: usize) -> Result<StoredMoments> {
        let from = self.shards.partition_point(|shard| shard.name.as_str() < name);
        let to = self.shards.partition_point(|shard| shard.name.as_str() <= name);
        let shards = &self.shards[from..to];
        let Some(one) = shards.first() else {
            return refuse("tensor", name.to_string(), "it is one of the checkpoint's");
        };
        let range = || format!("{name} from {first}, {len} elements of {}", one.whole_len);
        let end = first.checked_add(len as u64).filter(|end| *end <= one.whole_len);
        let block = BLOCK as u64;
        let Some(end) = end.filter(|end| *end == one.whole_len || end.is_multiple_of(block)) else {
            return refuse("range", range(), "it ends at a multiple of 128, or with the tensor");
        };
        if !first.is_multiple_of(block) {
            return refuse("range", range(), "it begins at a multiple of 128");
        }
        // Before anything is allocated: `whole_len` is what a file claims, and `len` may be as large.
        let mut covered = first;
        for shard in shards.iter().take_while(|shard| shard.first < end) {
            if shard.first <= covered {
                covered = covered.max(shard.first + shard.len as u64);
            }
        }
        if covered < end {
            let got = format!("{}: nothing of block {}", range(), covered / block);
            return refuse("range", got, "shards cover all of it");
        }
        // f32 moments have two entries of four bytes, FP8 ones four entries.
        let (size, entries) = if one.form.is_some() { (1, 4) } else { (4, 2) };
        let blocks = len.div_ceil(BLOCK);
        let mut parts = [vec![0; size * len], vec![0; size * len], vec![0; 0], vec![0; 0]];
        if one.form.is_some() {
            parts[2..].fill(vec![0; 4 * blocks]);
        }
        let mut filled = vec![false; blocks];
        for shard in shards {
            let (from, to) = (shard.first.max(first), (shard.first + shard.len as u64).min(end));
            for at in (from..to).step_by(BLOCK) {
                // Both begin at a multiple of 128, and lie in memory.
                let (there, here) = ((at - shard.first) as usize, (at - first) as usize);
                let n = BLOCK.min((to - at) as usize);
                let sources = [
                    (&shard.m[size * there..][..size * n], size * here),
                    (&shard.v[size * there..][..size * n], size * here),
                    (scale_of(shard.m_scales, there / BLOCK), 4 * (here / BLOCK)),
                    (scale_of(shard.v_scales, there / BLOCK), 4 * (here / BLOCK)),
                ];
                let known = std::mem::replace(&mut filled[here / BLOCK], true);
                for (part, (source, to)) in parts.iter_mut().zip(sources).take(entries) {
                    let place = &mut part[to..to + source.len()];
                    if known && place != source {
                        let got = format!("{name}, block {}", at / block);
                        return refuse("shards", got, "where they overlap, they are the same");
                    }
                    place.copy_from_slice(source);
                }
            }
        }
        let [m, v, m_scales, v_scales] = parts;
        Ok(match one.form {
            None => FullMoments::from_parts(first, floats(&m), floats(&v))?.into(),
            Some(form) => {
                let (m_scales, v_scales) = (floats(&m_scales), floats(&v_scales));
                Moments::from_parts(form, first, (m, m_scales), (v, v_scales))?.into()
            }
        })
    }
}

fn scale_of(scales: &[u8], block: usize) -> &[u8] {
    scales.get(4 * block..4 * block + 4).unwrap_or_default()
}

fn open_shard<'a>(tensors: &SafeTensors<'a>, name: &str, place: &str) -> Result<Opened<'a>> {
    let fields: Vec<&str> = place.split(' ').collect();
    let parsed = match fields[..] {
        [form, first, whole_len] => match (form, first.parse::<u64>(), whole_len.parse::<u64>()) {
            ("full", Ok(first), Ok(whole_len)) => Some((None, first, whole_len)),
            ("sqrt", Ok(first), Ok(len)) => Some((Some(SecondForm::Sqrt), first, len)),
            ("linear", Ok(first), Ok(len)) => Some((Some(SecondForm::Linear), first, len)),
            _ => None,
        },
        _ => None,
    };
    let Some((form, first, whole_len)) = parsed else {
        let allowed = "sqrt, linear or full, the first element and the whole length are needed";
        return refuse("shard", format!("{name}: {place}"), allowed);
    };
    let entry = |what: &str, dtype: Dtype| -> Result<&'a [u8]> {
        let key = format!("{name}.{what}");
        let view = tensors.tensor(&key).map_err(damaged)?;
        if view.dtype() != dtype || view.shape().len() != 1 {
            let got = format!("{key} of {:?} {:?}", view.dtype(), view.shape());
            return refuse("entry", got, "codes are F8_E4M3, all else F32, in one dimension");
        }
        Ok(view.data())
    };
    let codes = if form.is_some() { Dtype::F8_E4M3 } else { Dtype::F32 };
    let (m, v) = (entry("m", codes)?, entry("v", codes)?);
    let len = m.len() / if form.is_some() { 1 } else { 4 };
    let (m_scales, v_scales) = match form {
        Some(_) => (entry("m_scales", Dtype::F32)?, entry("v_scales", Dtype::F32)?),
        None => (&[][..], &[][..]),
    };
    let blocks = if form.is_some() { len.div_ceil(BLOCK) } else { 0 };
    let end = first.checked_add(len as u64).filter(|end| *end <= whole_len);
    let ends = end.is_some_and(|end| end == whole_len || end.is_multiple_of(BLOCK as u64));
    let fits = v.len() == m.len() && [m_scales, v_scales].iter().all(|s| s.len() == 4 * blocks);
    if !fits || !ends || !first.is_multiple_of(BLOCK as u64) {
        let got = format!("{name}: {place} with {len} elements");
        return refuse("shard", got, "its entries fit together, at multiples of 128");
    }
    let name = name.to_string();
    Ok(Opened { name, form, first, len, whole_len, m, v, m_scales, v_scales })
}

fn parse_clock(text: &str) -> Result<Clock> {
    let fields: Vec<&str> = text.split(' ').collect();
    let bits = |field: &str| u64::from_str_radix(field, 16).ok().map(f64::from_bits);
    if let [t, beta1, beta2] = fields[..]
        && let (Ok(t), Some(beta1_pow), Some(beta2_pow)) = (t.parse(), bits(beta1), bits(beta2))
    {
        let clock = Clock { t, beta1_pow, beta2_pow };
        clock.validate()?;
        return Ok(clock);
    }
    refuse("clock", text.to_string(), "t and the bits of two powers are needed")
}

fn name_of(form: SecondForm) -> &'static str {
    match form {
        SecondForm::Sqrt => "sqrt",
        SecondForm::Linear => "linear",
    }
}

fn bytes(x: &[f32]) -> Vec<u8> {
    x.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn damaged(error: safetensors::SafeTensorError) -> Error {
    Error::Parameter {
        what: "checkpoint",
        got: error.to_string(),
        allowed: "safetensors as `save` writes them are read",
    }
}

fn refuse<T>(what: &'static str, got: String, allowed: &'static str) -> Result<T> {
    Err(Error::Parameter { what, got, allowed })
}
