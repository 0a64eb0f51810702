//! What runs in a process of its own, with a libcuda of its own.

use std::env;
use std::sync::Arc;

use half::bf16;
use quarter::Error;
use quarter::gpu::{
    Buffer, Cuda, Device, DeviceError, Driver, Launch, MapElement, Stream, TensorMap, Text,
};
use quarter::quantize::{Matrix, Quantizer, Scale};

#[test]
#[ignore = "a child of the other tests"]
fn child() {
    match env::var("QUARTER_TEST_CHILD").as_deref() {
        Ok("open") => open(),
        Ok("launch") => launch(),
        Ok("safe") => safe(),
        Ok("stream") => stream(),
        Ok("encode") => encode(),
        other => panic!("{other:?} is no child"),
    }
}

fn say(line: impl ToString) {
    println!("\n> {}", line.to_string().replace('\n', " | "));
}

/// The variant's name and its message.
fn refused(error: &Error) -> String {
    let Error::Device(error) = error else { panic!("{error:?}") };
    let name = format!("{error:?}");
    format!("{}: {error}", name.split([' ', '{', '(']).next().unwrap_or(""))
}

fn open() {
    let cuda = match Cuda::open(0) {
        Ok(cuda) => cuda,
        Err(error) => return say(refused(&error)),
    };
    if let Err(error) = cuda.preload() {
        return say(refused(&error));
    }
    let second = Cuda::open(1).map(|cuda| cuda.describe()).unwrap();
    let third = Cuda::open(2).err().unwrap();
    // SAFETY: there is none.
    let current = unsafe { Cuda::current() }.err().unwrap();
    assert!(matches!(current, Error::Device(DeviceError::NoContext)));
    say(format!("open: {}; {second}; {third}; {current}", cuda.describe()));
}

fn launch() {
    let cuda = Cuda::open(0).unwrap();
    let text = Text::find("scaling").unwrap();
    let bytes = text.ptx.split("p[").nth(1).unwrap().split(']').next().unwrap();
    let params: Vec<u8> = (0..bytes.parse().unwrap()).collect();
    let launch = Launch {
        text,
        entry: "scaling",
        grid: [3, 2, 1],
        block: [64, 1, 1],
        shared_bytes: 60 << 10,
        params: &params,
    };
    for _ in 0..2 {
        // SAFETY: nothing is run.
        unsafe { cuda.launch(Stream(0x1234), &launch).unwrap() };
    }
    // Neither of these reaches the driver.
    let short = Launch { params: &params[1..], ..launch };
    // SAFETY: refused.
    let error = unsafe { cuda.launch(Stream(0), &short) }.unwrap_err().to_string();
    assert!(error.starts_with("kernel parameter is"), "{error}");
    // SAFETY: refused.
    let error = unsafe { cuda.launch(Stream(0), &Launch { entry: "none", ..launch }) };
    let missing = DeviceError::NoEntry { kernel: "scaling", entry: "none".into() };
    assert_eq!(error, Err(Error::Device(missing)));
    say(params.len());
}

fn safe() {
    let device = Device::cuda(0).unwrap();
    let data = [bf16::ONE; 128];
    let q = Quantizer { scale: Scale::Given(&[2.0]), ..Quantizer::default() };
    let cast = q.quantize_on(&device, Matrix::new(&data, 1, 128).unwrap()).unwrap();
    // Nothing is computed: the codes are as they were.
    assert_eq!(cast.data.padded(), [0; 128]);
    say("done");
}

fn stream() {
    let cuda = Arc::new(Cuda::open(0).unwrap());
    let driver: Arc<dyn Driver> = cuda.clone();
    let buffer = Buffer::new(&driver, 512).unwrap();
    let own = cuda.new_stream().unwrap();
    // SAFETY: the range is the buffer.
    let fill = |stream, byte| unsafe { driver.fill(stream, buffer.address(), byte, 512) };
    say(format!("{:?}", cuda.time(own.stream(), &mut || fill(own.stream(), 7)).unwrap()));
    let graph = cuda.capture(&own, |stream| fill(stream, 8)).unwrap();
    // SAFETY: the buffer is alive.
    unsafe { graph.launch(own.stream()).unwrap() };
    let refused = Error::Device(DeviceError::NoContext);
    assert_eq!(cuda.capture(&own, |_| Err(refused.clone())).err(), Some(refused));
    drop((graph, own));
}

fn encode() {
    let cuda = Cuda::open(0).unwrap();
    let map = TensorMap {
        element: MapElement::Bf16,
        address: 0x4560,
        rows: 30,
        cols: 70,
        pitch: 144,
        box_rows: 64,
        box_cols: 32,
    };
    say(format!("{:?}", &cuda.encode(&map).unwrap()[..3]));
}
