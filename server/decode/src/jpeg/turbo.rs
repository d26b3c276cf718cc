//! The calls into libjpeg-turbo: the only unsafe code for JPEG.
//!
//! The raw functions are used because the safe wrapper reports the library's warnings as errors, and a warning (a stray
//! marker, a bad Huffman code) leaves an image that Pillow accepts.
//!
//! Every image gets a fresh instance. libjpeg keeps Huffman and quantisation tables from one image to the next, so a
//! reused instance decodes an abbreviated file with its predecessor's tables (measured), and a batch would depend on
//! the images before it. After an error in a header an instance continues where it stopped. A new instance costs 0.2
//! microseconds.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;

use bandwise_kernels::Rect;
use turbojpeg_sys as raw;

use crate::error::{DecodeError, DecoderInitError};
use crate::format::Format;
use crate::layout::Samples;

impl Samples {
    const fn pixel_format(self) -> c_int {
        match self {
            Self::Rgb => raw::TJPF_TJPF_RGB,
            Self::Cmyk => raw::TJPF_TJPF_CMYK,
            Self::Grey => raw::TJPF_TJPF_GRAY,
        }
    }
}

/// The first words of the library's warnings. The severity code alone does not tell an error from an error after a
/// warning; but the message does, since only the first warning and every error write it.
const WARNINGS: [&str; 7] = [
    "Corrupt JPEG data: ",
    "Premature end of JPEG file",
    "Warning: unknown JFIF revision",
    "Unknown Adobe color transform",
    "Inconsistent progression sequence",
    "Invalid SOS parameters for sequential JPEG",
    "Application transferred too many",
];

/// More scans than this are refused before a file comes here; the library's own limit is a second fence.
const SCAN_LIMIT: c_int = 500;

/// A libjpeg-turbo decompressor.
#[derive(Debug)]
pub(crate) struct Turbo {
    handle: NonNull<c_void>,
}

// SAFETY: an instance is plain heap memory without thread affinity. It is reached only through `&mut self`, and
// the library's messages, which live in thread-local memory, are read right after the call that wrote them.
unsafe impl Send for Turbo {}

impl Drop for Turbo {
    fn drop(&mut self) {
        // SAFETY: the handle came from `tj3Init` and is not used after this.
        unsafe { raw::tj3Destroy(self.handle.as_ptr()) }
    }
}

impl Turbo {
    /// An instance with Pillow's parameters.
    pub(crate) fn new() -> Result<Self, DecoderInitError> {
        // SAFETY: no preconditions; the result is null or an instance of ours.
        let handle = unsafe { raw::tj3Init(raw::TJINIT_TJINIT_DECOMPRESS as c_int) };
        let handle = NonNull::new(handle).ok_or_else(|| DecoderInitError { detail: message(None) })?;
        let mut turbo = Self { handle };
        for (parameter, value) in [
            (raw::TJPARAM_TJPARAM_FASTDCT, 0),
            (raw::TJPARAM_TJPARAM_FASTUPSAMPLE, 0),
            (raw::TJPARAM_TJPARAM_STOPONWARNING, 0),
            (raw::TJPARAM_TJPARAM_SCANLIMIT, SCAN_LIMIT),
            // No colour profile is copied out of the file.
            (raw::TJPARAM_TJPARAM_SAVEMARKERS, 0),
        ] {
            turbo.set(parameter, value)?;
        }
        Ok(turbo)
    }

    fn set(&mut self, parameter: raw::TJPARAM, value: c_int) -> Result<(), DecoderInitError> {
        // SAFETY: the handle is live.
        let status = unsafe { raw::tj3Set(self.handle.as_ptr(), parameter as c_int, value) };
        if status == 0 { Ok(()) } else { Err(DecoderInitError { detail: message(Some(self)) }) }
    }

    /// Decodes the part `window` of a frame of `size` into the start of `out`, rows without gaps.
    ///
    /// `window` is the whole frame or starts at an iMCU border. Warnings are no errors.
    ///
    /// # Panics
    ///
    /// If `window` is not inside the frame or `out` is too short for it.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        size: (u32, u32),
        window: Rect,
        samples: Samples,
        out: &mut [u8],
    ) -> Result<(), DecodeError> {
        *self = Self::new().map_err(|_| DecodeError::OutOfMemory)?;
        assert!(window.fits(size.0, size.1), "{window:?} is outside a frame of {size:?}");
        let stride = samples.bytes_per_pixel() * window.width as usize;
        assert!(out.len() >= stride * window.height as usize, "{} bytes for {window:?}", out.len());
        let stride = c_int::try_from(stride)
            .map_err(|_| DecodeError::unsupported(Format::Jpeg, "a row of more than 2 GiB"))?;
        self.read_header(bytes, size)?;
        if window != Rect::whole(size.0, size.1) {
            self.set_window(window)?;
        }
        // SAFETY: the handle is live and `bytes` is readable. The library writes rows of `window.width` pixels,
        // `window.height` of them, `stride` bytes apart: `read_header` has just compared the frame's size, as
        // the library reads it from these bytes, with `size`; and `set_window` has made it accept the window. `out` has
        // room for that, checked above.
        let status = unsafe {
            raw::tj3Decompress8(
                self.handle.as_ptr(),
                bytes.as_ptr(),
                bytes.len() as _,
                out.as_mut_ptr(),
                stride,
                samples.pixel_format(),
            )
        };
        self.check(status)
    }

    /// Lets the library read the header and compares the size it finds.
    fn read_header(&mut self, bytes: &[u8], size: (u32, u32)) -> Result<(), DecodeError> {
        // SAFETY: the handle is live and `bytes` is readable.
        let status =
            unsafe { raw::tj3DecompressHeader(self.handle.as_ptr(), bytes.as_ptr(), bytes.len() as _) };
        self.check(status)?;
        let found = (self.get(raw::TJPARAM_TJPARAM_JPEGWIDTH), self.get(raw::TJPARAM_TJPARAM_JPEGHEIGHT));
        if found != (i64::from(size.0), i64::from(size.1)) {
            return Err(DecodeError::corrupt(
                Format::Jpeg,
                format!("two different sizes, {size:?} and {found:?}"),
            ));
        }
        Ok(())
    }

    fn get(&mut self, parameter: raw::TJPARAM) -> i64 {
        // SAFETY: the handle is live.
        i64::from(unsafe { raw::tj3Get(self.handle.as_ptr(), parameter as c_int) })
    }

    fn set_window(&mut self, window: Rect) -> Result<(), DecodeError> {
        // Sides of a JPEG have 16 bits, so nothing is cut off here.
        let region = raw::tjregion {
            x: window.x as c_int,
            y: window.y as c_int,
            w: window.width as c_int,
            h: window.height as c_int,
        };
        // SAFETY: the handle is live.
        let status = unsafe { raw::tj3SetCroppingRegion(self.handle.as_ptr(), region) };
        self.check(status)
    }

    /// Tells success and warnings from errors.
    fn check(&mut self, status: c_int) -> Result<(), DecodeError> {
        if status == 0 {
            return Ok(());
        }
        let message = message(Some(self));
        if WARNINGS.iter().any(|warning| message.starts_with(warning)) {
            Ok(())
        } else if message.starts_with("Insufficient memory") || message.contains("allocation failure") {
            Err(DecodeError::OutOfMemory)
        } else {
            Err(DecodeError::corrupt(Format::Jpeg, message))
        }
    }
}

/// The library's message about the last failure in this thread.
fn message(turbo: Option<&Turbo>) -> String {
    let handle = turbo.map_or(std::ptr::null_mut(), |turbo| turbo.handle.as_ptr());
    // SAFETY: the handle is live or null; the result is a terminated string in memory of the instance or of the
    // thread, which nothing writes before it is copied.
    let text = unsafe { CStr::from_ptr(raw::tj3GetErrorStr(handle)) };
    text.to_string_lossy().into_owned()
}
