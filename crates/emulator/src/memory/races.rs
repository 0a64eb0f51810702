//! Happens-before over the warps of a block: which accesses to shared memory nothing orders,
//! whatever order they happened to run in.

use crate::fault::FaultKind;
use crate::text::Location;

/// A vector clock: what each warp had done when its holder last heard of it.
pub(crate) type Clock = Vec<u32>;

/// Who accesses, and with which instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub(crate) warp: u16,
    pub(crate) site: u32,
}

/// A moment of a warp, and the instruction it was at. Clock 0: never.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    clock: u32,
    site: u32,
    warp: u16,
    atomic: bool,
}

/// What is known of one byte.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    write: Moment,
    /// The last read; further ones that nothing orders are in `Races::more`.
    read: Moment,
    more: u32,
}

#[derive(Debug)]
pub(crate) struct Races {
    cells: Vec<Cell>,
    /// Reads by several warps, one moment a warp; entry 0 is unused.
    more: Vec<Vec<Moment>>,
    clocks: Vec<Clock>,
}

impl Races {
    pub(super) fn new(bytes: usize, warps: usize) -> Self {
        let mut clocks = vec![vec![0; warps]; warps];
        for (warp, clock) in clocks.iter_mut().enumerate() {
            clock[warp] = 1;
        }
        Self { cells: vec![Cell::default(); bytes], more: vec![Vec::new()], clocks }
    }

    /// The warp tells what it has done so far: later accesses are not covered by it.
    pub(crate) fn release(&mut self, warp: usize, into: &mut Clock) {
        into.resize(self.clocks.len(), 0);
        for (into, now) in into.iter_mut().zip(&self.clocks[warp]) {
            *into = (*into).max(*now);
        }
        self.clocks[warp][warp] += 1;
    }

    /// The warp hears of what was released.
    pub(crate) fn acquire(&mut self, warp: usize, from: &Clock) {
        for (now, from) in self.clocks[warp].iter_mut().zip(from) {
            *now = (*now).max(*from);
        }
    }

    #[inline(always)]
    fn ordered(clocks: &[Clock], moment: Moment, warp: u16) -> bool {
        moment.clock == 0
            || moment.warp == warp
            || moment.clock <= clocks[usize::from(warp)][usize::from(moment.warp)]
    }

    #[inline(always)]
    fn now(&self, by: Access, atomic: bool) -> Moment {
        let warp = usize::from(by.warp);
        Moment { clock: self.clocks[warp][warp], site: by.site, warp: by.warp, atomic }
    }

    #[inline(always)]
    pub(super) fn read(&mut self, at: usize, bytes: usize, by: Access) -> Result<(), FaultKind> {
        let now = self.now(by, false);
        for i in at..at + bytes {
            let cell = &mut self.cells[i];
            if !Self::ordered(&self.clocks, cell.write, by.warp) {
                return Err(race(i, cell.write));
            }
            if cell.more == 0 {
                if Self::ordered(&self.clocks, cell.read, by.warp) {
                    cell.read = now;
                } else {
                    self.more.push(vec![cell.read, now]);
                    cell.more = self.more.len() as u32 - 1;
                }
                continue;
            }
            let more = &mut self.more[cell.more as usize];
            match more.iter_mut().find(|m| m.warp == by.warp) {
                Some(moment) => *moment = now,
                None => more.push(now),
            }
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn write(&mut self, at: usize, bytes: usize, by: Access) -> Result<(), FaultKind> {
        self.change(at, bytes, by, false)
    }

    /// Atomics are in no order with each other, and need none.
    pub(super) fn atomic(&mut self, at: usize, bytes: usize, by: Access) -> Result<(), FaultKind> {
        self.change(at, bytes, by, true)
    }

    #[inline(always)]
    fn change(
        &mut self,
        at: usize,
        bytes: usize,
        by: Access,
        atomic: bool,
    ) -> Result<(), FaultKind> {
        let now = self.now(by, atomic);
        for i in at..at + bytes {
            let cell = &mut self.cells[i];
            let both_atomic = atomic && cell.write.atomic;
            if !both_atomic && !Self::ordered(&self.clocks, cell.write, by.warp) {
                return Err(race(i, cell.write));
            }
            if !Self::ordered(&self.clocks, cell.read, by.warp) {
                return Err(race(i, cell.read));
            }
            if cell.more != 0 {
                let unordered = self.more[cell.more as usize]
                    .iter()
                    .find(|m| !Self::ordered(&self.clocks, **m, by.warp));
                if let Some(moment) = unordered {
                    return Err(race(i, *moment));
                }
            }
            // Of several atomics that nothing orders only the last is remembered.
            *cell = Cell { write: now, read: Moment::default(), more: 0 };
        }
        Ok(())
    }
}

/// The location is filled in by who knows the text.
#[cold]
fn race(at: usize, other: Moment) -> FaultKind {
    let site = Location { file: "".into(), line: other.site, column: 0 };
    FaultKind::Race {
        address: at as u64 + u64::from(crate::decode::SHARED_BASE),
        other: Box::new(site),
        warp: other.warp.into(),
    }
}
