//! A file of messages: what it is known by, and its messages, whatever its form.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;

use super::{
    EventFileError,
    form::{Cutter, Foreign, Form, foreign, foreign_text, joined},
};

/// How a gzip file begins.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// How some editors begin a file of UTF-8; it is no part of the first message.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const BUFFER_BYTES: usize = 1 << 20;
/// So much of a file tells its form.
const BEGIN_BYTES: u64 = 1 << 16;

/// A file that can be read more than once. Compression is told by its first bytes.
#[derive(Debug)]
pub struct EventFile {
    shown: String,
    path: PathBuf,
    /// Holds what came by stdin, as long as this lives.
    _spool: Option<tempfile::NamedTempFile>,
}

impl EventFile {
    /// The file at `path`.
    pub fn at(path: &Path) -> Self {
        Self { shown: path.display().to_string(), path: path.to_path_buf(), _spool: None }
    }

    /// What comes by `stdin`, kept in `folder` as long as it is needed.
    pub fn spooled(mut stdin: impl Read, folder: &Path) -> Result<Self, EventFileError> {
        let failed = |source| EventFileError::Read { file: "stdin".to_owned(), source };
        let mut spool = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        io::copy(&mut stdin, &mut spool).and_then(|_| spool.flush()).map_err(failed)?;
        let path = spool.path().to_path_buf();
        Ok(Self { shown: "stdin".to_owned(), path, _spool: Some(spool) })
    }

    /// What people know it by.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Its name, without the folders that it is in.
    pub fn name(&self) -> &str {
        self.shown.rsplit('/').next().unwrap_or_default()
    }

    /// What its text is that has no JSON in it, if that can be told.
    pub fn foreign_text(&self) -> Option<Foreign> {
        let lines: Result<Vec<_>, _> = self.lines().ok()?.take(2).collect();
        foreign_text(&lines.ok()?)
    }

    /// The hash of its bytes: the same file under another name is the same file.
    pub fn content_hash(&self) -> Result<String, EventFileError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(self.open()?).map_err(|error| self.failed(error))?;
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// Its messages from the first to the last.
    pub fn lines(&self) -> Result<Lines<'_>, EventFileError> {
        let mut file = BufReader::with_capacity(BUFFER_BYTES, self.open()?);
        let packed = file.fill_buf().map_err(|error| self.failed(error))?;
        let is_gzip = packed.starts_with(&GZIP_MAGIC);
        let mut reader: Box<dyn BufRead + Send> = if is_gzip {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        let mut begin = Vec::new();
        let read = reader.by_ref().take(BEGIN_BYTES).read_to_end(&mut begin);
        if let Some(foreign) = foreign(&begin) {
            return Err(EventFileError::Foreign { file: self.shown.clone(), foreign });
        }
        if begin.starts_with(BYTE_ORDER_MARK) {
            begin.drain(..BYTE_ORDER_MARK.len());
        }
        let form = Form::of(&begin);
        let cutter = (form != Form::Lines).then(|| Cutter::new(form));
        let reader = Box::new(io::Cursor::new(begin).chain(reader));
        let lines = Lines { file: self, reader, is_gzip, cutter, joined: VecDeque::new() };
        match read {
            Ok(_) => Ok(lines),
            Err(error) => Err(lines.failed(error)),
        }
    }

    /// An error of this file.
    pub(super) fn failed(&self, source: io::Error) -> EventFileError {
        EventFileError::Read { file: self.shown.clone(), source }
    }

    fn open(&self) -> Result<File, EventFileError> {
        File::open(&self.path).map_err(|error| self.failed(error))
    }
}

/// The messages of a file. Lines are without their ends; one of nothing but spaces is none.
pub struct Lines<'a> {
    file: &'a EventFile,
    reader: Box<dyn BufRead + Send>,
    is_gzip: bool,
    /// For what is not one message a line.
    cutter: Option<Cutter>,
    /// What is left of a line that holds several objects.
    joined: VecDeque<Vec<u8>>,
}

impl Lines<'_> {
    fn message(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(cutter) = &mut self.cutter {
            return cutter.next(&mut *self.reader);
        }
        if let Some(object) = self.joined.pop_front() {
            return Ok(Some(object));
        }
        loop {
            let mut line = Vec::new();
            if self.reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            let end = line.strip_suffix(b"\n").unwrap_or(&line);
            let end = end.strip_suffix(b"\r").unwrap_or(end).len();
            line.truncate(end);
            if let Some(objects) = joined(&line) {
                self.joined = objects;
                return Ok(self.joined.pop_front());
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(line));
            }
        }
    }

    fn failed(&self, source: io::Error) -> EventFileError {
        let file = self.file.shown.clone();
        match source.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput if self.is_gzip => {
                EventFileError::BrokenGzip { file, source }
            }
            io::ErrorKind::InvalidData if self.cutter.is_some() => {
                EventFileError::Unclosed { file, source }
            }
            _ => EventFileError::Read { file, source },
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Vec<u8>, EventFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.message() {
            Ok(message) => message.map(Ok),
            Err(error) => Some(Err(self.failed(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::EventFile;

    fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let file = EventFile::spooled(bytes, folder.path()).unwrap();
        file.lines().unwrap().map(|line| line.unwrap()).collect()
    }

    #[test]
    fn a_message_is_a_line_as_it_stands() {
        let bytes = b"\xef\xbb\xbf{\"a\": 1} \r\n\n  \nno JSON\n\xff\xfe\n{\"b\":2}";
        let expected = vec![
            b"{\"a\": 1} ".to_vec(),
            b"no JSON".to_vec(),
            b"\xff\xfe".to_vec(),
            b"{\"b\":2}".to_vec(),
        ];
        assert_eq!(lines(bytes), expected);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(bytes).unwrap();
        assert_eq!(lines(&packed.finish().unwrap()), expected);
        assert_eq!(lines(b""), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_compressed_file_that_is_cut_short_is_an_error() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(b"{}\n{}\n").unwrap();
        let mut bytes = packed.finish().unwrap();
        bytes.truncate(bytes.len() - 9);
        let folder = tempfile::tempdir().unwrap();
        let file = EventFile::spooled(bytes.as_slice(), folder.path()).unwrap();
        let error = file.lines().err().expect("it is cut short").to_string();
        assert!(error.contains("gzip") && error.contains("cut short"), "{error}");
    }
}
