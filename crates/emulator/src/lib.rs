//! Runs Hopper PTX on a CPU, bit for bit, and says what is wrong with it.
//!
//! What a kernel's author gets from it on a laptop: the bits that the text gives on the machine,
//! as far as the ISA defines them, and for what it does not define a fault that names the
//! template's line: an undefined register, memory that nobody wrote, an address out of bounds or
//! misaligned, lanes missing from a `.sync` instruction, a race for shared memory, a barrier that
//! nobody completes; of kernels whose copies and products run beside their warps, a stage that is
//! written before it has been read, a fence that is missing, an accumulator that is touched too
//! early, a wait for the wrong phase, bytes that nobody waited for.
//!
//! ```
//! use quarter_emulator::{Grid, Machine, Module, Options};
//!
//! let text = r#"
//! .version 8.0
//! .target sm_90a
//! .address_size 64
//! .visible .entry double(.param .u64 data) {
//!     .reg .b32 %r<3>;
//!     .reg .b64 %a;
//!     ld.param.u64 %a, [data];
//!     mov.u32 %r0, %tid.x;
//!     mad.wide.u32 %a, %r0, 4, %a;
//!     ld.global.b32 %r1, [%a];
//!     add.u32 %r2, %r1, %r1;
//!     st.global.b32 [%a], %r2;
//!     ret;
//! }
//! "#;
//! let module = Module::parse(text)?;
//! let mut machine = Machine::new(Options::default());
//! let data = machine.allocate(4 * 8)?;
//! machine.write(data, &[1; 4 * 8])?;
//! let eight = Grid { grid: [1, 1, 1], block: [8, 1, 1], shared_bytes: 0 };
//! let counters = machine.launch(&module, "double", &eight, &data.to_le_bytes())?;
//! let mut back = [0; 4 * 8];
//! machine.read(data, &mut back)?;
//! assert_eq!(back, [2; 4 * 8]);
//! assert_eq!((counters.warp_instructions, counters.global.load_sectors), (7, 1));
//!
//! // One thread more, and it leaves its bounds.
//! let nine = Grid { block: [9, 1, 1], ..eight };
//! let fault = machine.launch(&module, "double", &nine, &data.to_le_bytes()).unwrap_err();
//! assert_eq!(
//!     fault.to_string(),
//!     "<text>:11:5: ld.global.b32: 4 bytes at global address 0x7f0000000020 are out of bounds; \
//!      4 bytes past an allocation of 32 (block 0,0,0, thread 8,0,0)"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is run
//! The spellings of [`spellings`], each with all its modifiers; another one is an error. Warps
//! execute in lockstep, 32 lanes at a time; lanes that part are joined where they meet again. Under
//! [`Schedule::Random`] the order of blocks, warps, parted lanes and atomics is drawn from a seed,
//! and with the same seed it is the same again.
//!
//! # What happens beside the warps
//! Bulk copies of tensors (TMA, with [tensor maps](TensorMap) of this crate's own encoding) and
//! products (`wgmma`) start where their instruction stands and are done when [`Completion`] says:
//! at once, as late as possible, or at random, copies in parts. Blocks of a cluster run together, others
//! one cluster after the other.
//!
//! Whether an access may come before or after another does not depend on the run: each warp and each
//! operation carries what it knows of the others (vector clocks), which barriers, mbarriers, waits
//! and fences pass on, and every access to shared memory is held to that. So a missing wait is
//! reported under every schedule, also where this run was lucky:
//!
//! * between the generic proxy (loads, stores) and the asynchronous one (copies, products) there has to
//!   be a `fence.proxy.async` of the lanes that wrote;
//! * a `wgmma` needs a `wgmma.fence` behind whatever wrote its accumulators or its A registers, and
//!   they are nobody's until a `wgmma.wait_group`; all four warps have to know of what its operands'
//!   writers did;
//! * an mbarrier's waits name phases: one that is over, or that has not begun to be waited for in turn,
//!   is a fault, and so are arrivals and bytes that it does not expect;
//! * at the end no copy may be in flight that nobody has waited for.
//!
//! # What it cannot tell
//! Whether a reduce-add store keeps subnormals has not been observed; here it does. Registers that
//! `setmaxnreg` moves are counted, not how many the machine code needs. It runs the text by this crate's reading of the ISA, not the machine code that ptxas makes of
//! it. Memory is sequentially consistent; global memory is not checked for races. A NaN that
//! arithmetic makes is 0x7fffffff, as on the machine; which NaN `abs`, `neg`, `min` and `max`
//! give for a NaN has not been observed.
//!
//! # The rooms
//! `text` reads, `table` knows the spellings, `decode` turns statements into slots, `exec` executes
//! a warp, `cluster` lets the warps of blocks take turns, `copies` and `products` are what runs beside
//! them, `phase`, `barrier` and `meeting` are what they wait at, `order` is who knows of whom, `memory`
//! checks every access, `machine` is the host's side.

mod barrier;
mod cluster;
mod copies;
mod counters;
mod decode;
mod double;
mod exec;
mod fault;
mod float;
mod integer;
mod machine;
mod meeting;
mod memory;
mod op;
mod order;
mod phase;
mod products;
mod program;
mod registers;
mod schedule;
mod table;
mod tensor_map;
mod text;
mod warp;

pub use counters::{Counters, Traffic};
pub use fault::{Agent, Fault, FaultKind};
pub use machine::{Error, Grid, Machine, Module, Options};
pub use memory::{MemoryError, Touches};
pub use schedule::{Completion, Schedule};
pub use table::{signature, spellings};
pub use tensor_map::{ElementType, InvalidTensorMap, Swizzle, TensorMap};
pub use text::{Location, TextError};
