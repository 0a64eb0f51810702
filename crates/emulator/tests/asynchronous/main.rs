//! What a kernel starts and waits for: mbarriers, bulk copies, products, clusters.

mod clusters;
mod copies;
mod phases;
mod products;

use quarter_emulator::{
    Completion, Counters, Error, FaultKind, Grid, Machine, Module, Options, Schedule,
};

/// Every way to complete what is started, with a few schedules each.
fn policies() -> impl Iterator<Item = Options> {
    [Completion::Early, Completion::Late, Completion::Random].into_iter().flat_map(|completion| {
        (0..8).map(move |seed| {
            let schedule = if seed == 0 { Schedule::InOrder } else { Schedule::Random(seed) };
            Options { schedule, completion, ..Options::default() }
        })
    })
}

/// A kernel with 128 threads a block, whose body begins in line 10 of `ptx/some.ptx`.
///
/// It has `%data`, an allocation, three tensor maps `maps[384]`, `%base`, the start of shared memory
/// of 64 KiB, `%tix`, `%warp` and `%lane`.
struct Kernel<'a> {
    body: &'a str,
    threads: u32,
    /// Blocks, and how many of them are a cluster.
    blocks: [u32; 2],
    maps: Vec<[u8; 128]>,
}

impl<'a> Kernel<'a> {
    fn new(body: &'a str) -> Self {
        Self { body, threads: 128, blocks: [1, 1], maps: Vec::new() }
    }

    fn text(&self) -> String {
        let (body, [_, cluster]) = (self.body, self.blocks);
        let cluster = match cluster {
            1 => String::new(),
            n => format!(".explicitcluster .reqnctapercluster {n}, 1, 1\n"),
        };
        format!(
            ".version 8.3\n.target sm_90a\n.address_size 64\n\
             .extern .shared .align 1024 .b8 memory[];\n\
             .visible .entry some(.param .align 64 .b8 maps[384], .param .u64 data)\n\
             {cluster}.maxntid 512\n{{\n\
             .reg .b64 %data, %map<3>, %a<8>;\n.reg .b32 %base, %tix, %warp, %lane, %r<16>, %acc<128>;\n\
             .reg .b16 %h<4>;\n.reg .pred %p<8>;\n\
             ld.param.u64 %data, [data];\nmov.u32 %base, memory;\nmov.u32 %tix, %tid.x;\n\
             shr.u32 %warp, %tix, 5;\nand.b32 %lane, %tix, 31;\n\
             mov.b64 %map0, maps;\ncvta.param.u64 %map0, %map0;\n\
             add.u64 %map1, %map0, 128;\nadd.u64 %map2, %map0, 256;\n\
             # 10 \"ptx/some.ptx\"\n{body}\nret;\n}}\n"
        )
    }

    /// Runs it on memory that holds `data`; what it holds then.
    fn run(&self, machine: &mut Machine, data: u64) -> Result<Counters, Error> {
        let module = Module::parse(&self.text()).unwrap_or_else(|e| panic!("{e}"));
        let mut params: Vec<u8> = self.maps.concat();
        params.resize(384, 0);
        params.extend(data.to_le_bytes());
        let grid =
            Grid { grid: [self.blocks[0], 1, 1], block: [self.threads, 1, 1], shared_bytes: 65536 };
        machine.launch(&module, "some", &grid, &params)
    }

    /// What it leaves in `bytes` under a policy.
    fn leaves(&self, bytes: usize, options: Options) -> Result<Vec<u8>, Error> {
        let mut machine = Machine::new(options);
        let data = machine.allocate(bytes)?;
        machine.write(data, &vec![0; bytes])?;
        self.run(&mut machine, data)?;
        let mut left = vec![0; bytes];
        machine.read(data, &mut left)?;
        Ok(left)
    }

    /// The fault that every policy finds, with its line.
    fn faults(&self) -> Vec<(FaultKind, u32)> {
        let fault = |options| match self.leaves(4096, options) {
            Err(Error::Fault(fault)) => {
                let end = fault.instruction == "the end of the entry";
                assert!(end || &*fault.at.file == "ptx/some.ptx", "{fault}");
                (fault.kind, fault.at.line)
            }
            other => {
                panic!("{options:?}: a fault is expected of\n{}\nhere is {other:?}", self.body)
            }
        };
        policies().map(fault).collect()
    }

    /// Checks that each policy finds a fault like this one.
    #[track_caller]
    fn always(&self, like: impl Fn(&FaultKind, u32) -> bool) {
        for (kind, line) in self.faults() {
            assert!(like(&kind, line), "line {line}: {kind}\n{}", self.body);
        }
    }
}

/// One lane of one warp does something.
fn elected(warp: u32, what: &str) -> String {
    format!(
        "{{ setp.ne.u32 %p7, %warp, {warp};\n@%p7 bra PAST;\nelect.sync _|%p6, 0xffffffff;\n\
         @!%p6 bra PAST;\n{what}\nPAST: }}"
    )
}
