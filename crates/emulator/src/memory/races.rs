//! Who accessed each byte of shared memory last: an access that nothing orders with it is a race.

use crate::fault::{Agent, FaultKind};
use crate::order::By;
use crate::text::Location;

/// An access: whose, when, and the instruction. Time 0: never.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    time: u32,
    site: u32,
    agent: u16,
    atomic: bool,
    asynchronous: bool,
}

/// What is known of one byte, or of 16.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    write: Moment,
    /// The last read; further ones that nothing orders are in `Races::more`.
    read: Moment,
    more: u32,
}

/// Bytes that share a cell as long as they are accessed together.
const GRANULE: usize = 16;

/// A cell for 16 bytes, or the place of 16 of them.
#[derive(Clone, Copy, Debug, Default)]
struct Granule {
    cell: Cell,
    /// Place in `Races::bytes`; 0: not split.
    split: u32,
}

#[derive(Debug)]
pub(crate) struct Races {
    granules: Vec<Granule>,
    /// Cells of split granules; entry 0 is unused.
    bytes: Vec<[Cell; GRANULE]>,
    more: More,
}

/// Reads by several agents, one moment an agent; entry 0 is unused.
#[derive(Debug)]
struct More(Vec<Vec<Moment>>);

impl Races {
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            granules: vec![Granule::default(); bytes.div_ceil(GRANULE)],
            bytes: vec![[Cell::default(); GRANULE]],
            more: More(vec![Vec::new()]),
        }
    }

    #[inline(always)]
    pub(super) fn read(&mut self, at: usize, bytes: usize, by: &By) -> Result<(), FaultKind> {
        self.each(at, bytes, |more, cell, at| more.read(cell, at, by))
    }

    #[inline(always)]
    pub(super) fn write(&mut self, at: usize, bytes: usize, by: &By) -> Result<(), FaultKind> {
        self.each(at, bytes, |more, cell, at| more.change(cell, at, by, false))
    }

    /// Atomics are in no order with each other, and need none.
    pub(super) fn atomic(&mut self, at: usize, bytes: usize, by: &By) -> Result<(), FaultKind> {
        self.each(at, bytes, |more, cell, at| more.change(cell, at, by, true))
    }

    /// Each cell of a range: of whole granules one, where they are not split.
    #[inline(always)]
    fn each(
        &mut self,
        at: usize,
        bytes: usize,
        mut check: impl FnMut(&mut More, &mut Cell, usize) -> Result<(), FaultKind>,
    ) -> Result<(), FaultKind> {
        let end = at + bytes;
        let mut at = at;
        while at < end {
            let (index, from) = (at / GRANULE, at % GRANULE);
            let to = GRANULE.min(end - index * GRANULE);
            let granule = &mut self.granules[index];
            if granule.split == 0 {
                if from == 0 && to == GRANULE {
                    check(&mut self.more, &mut granule.cell, at)?;
                    at += GRANULE;
                    continue;
                }
                granule.split = self.bytes.len() as u32;
                let mut cells = [granule.cell; GRANULE];
                // Each has its own list of readers from here on.
                for cell in &mut cells {
                    cell.more = self.more.copy(cell.more);
                }
                self.bytes.push(cells);
            }
            let cells = &mut self.bytes[granule.split as usize];
            for (i, cell) in cells[from..to].iter_mut().enumerate() {
                check(&mut self.more, cell, at + i)?;
            }
            at = (index + 1) * GRANULE;
        }
        Ok(())
    }
}

fn moment(by: &By, atomic: bool) -> Moment {
    let By { agent, time, site, asynchronous, .. } = *by;
    Moment { time, site, agent, atomic, asynchronous }
}

impl More {
    fn copy(&mut self, list: u32) -> u32 {
        if list == 0 {
            return 0;
        }
        self.0.push(self.0[list as usize].clone());
        self.0.len() as u32 - 1
    }

    #[inline(always)]
    fn read(&mut self, cell: &mut Cell, at: usize, by: &By) -> Result<(), FaultKind> {
        written_before(cell.write, at, by)?;
        let now = moment(by, false);
        if cell.more == 0 {
            if by.knows(cell.read.agent, cell.read.time) {
                cell.read = now;
            } else {
                self.0.push(vec![cell.read, now]);
                cell.more = self.0.len() as u32 - 1;
            }
            return Ok(());
        }
        let more = &mut self.0[cell.more as usize];
        match more.iter_mut().find(|m| m.agent == by.agent) {
            Some(moment) => *moment = now,
            None => more.push(now),
        }
        Ok(())
    }

    #[inline(always)]
    fn change(
        &mut self,
        cell: &mut Cell,
        at: usize,
        by: &By,
        atomic: bool,
    ) -> Result<(), FaultKind> {
        if !(atomic && cell.write.atomic) {
            written_before(cell.write, at, by)?;
        }
        if !by.knows(cell.read.agent, cell.read.time) {
            return Err(race(at, cell.read));
        }
        if cell.more != 0 {
            let unordered = self.0[cell.more as usize].iter().find(|m| !by.knows(m.agent, m.time));
            if let Some(moment) = unordered {
                return Err(race(at, *moment));
            }
        }
        // Of several atomics that nothing orders only the last is remembered.
        *cell = Cell { write: moment(by, atomic), read: Moment::default(), more: 0 };
        Ok(())
    }
}

/// Whether a write is in the accessor's past, and in its sight.
#[inline(always)]
fn written_before(write: Moment, at: usize, by: &By) -> Result<(), FaultKind> {
    if !by.knows(write.agent, write.time) {
        return Err(race(at, write));
    }
    if !write.asynchronous && !by.sees(write.agent, write.time) {
        return Err(FaultKind::Proxy { address: address(at), other: Box::new(place(write)) });
    }
    Ok(())
}

fn address(at: usize) -> u64 {
    at as u64 + u64::from(crate::decode::SHARED_BASE)
}

/// The location is filled in by who knows the text.
fn place(moment: Moment) -> Location {
    Location { file: "".into(), line: moment.site, column: 0 }
}

#[cold]
fn race(at: usize, other: Moment) -> FaultKind {
    let agent = match other.asynchronous {
        true => Agent::Asynchronous,
        false => Agent::Warp(other.agent.into()),
    };
    FaultKind::Race { address: address(at), other: Box::new(place(other)), agent }
}
