//! Lists, compiled files and databases, as bytes, gathered into one [`Intelligence`].
//!
//! Promises that a list or database which cannot be used is an error at once, and never an
//! intelligence that silently knows less. Must not know where the bytes are from.

use std::cmp::Reverse;

use thiserror::Error;

use super::block::{Block, block};
use super::category::Category;
use super::chain::LEVEL_MAX;
use super::compiled::{Compiled, CompiledError};
use super::country::Countries;
use super::database::DatabaseError;
use super::list::{self, ListFault};
use super::network::Networks;
use super::ranges::Ranges;
use super::table::{ENTRIES_MAX, Entry};
use super::{Intelligence, ListInfo};

/// A list that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot use the list `{name}`: {fault}")]
pub struct ListError {
    /// The list's name.
    pub name: String,
    /// What is wrong with it.
    #[source]
    pub fault: ListFault,
}

/// What is taken of a list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds<'a> {
    /// How many prefixes it may name; as many as fit where that is not said.
    pub(crate) most: Option<usize>,
    /// What is taken out of its prefixes.
    pub(crate) spared: Option<&'a Ranges>,
}

/// Gathers lists, and databases of countries and of networks.
#[derive(Default)]
pub struct Builder {
    /// A compiled file, while it is all there is.
    whole: Option<Compiled>,
    lists: Vec<ListInfo>,
    v4: Vec<Entry<u32>>,
    v6: Vec<Entry<u128>>,
    countries: Option<Countries>,
    networks: Option<Networks>,
}

impl Builder {
    /// Adds a list: one address, prefix or range a line, `address<TAB>count`, the exits of Tor, CSV
    /// or JSON, of which the first column that holds addresses is taken. `category` is what the
    /// list says of them; a malicious list with counts accuses from 3 (reported) and 5 (malicious)
    /// on.
    ///
    /// # Errors
    ///
    /// When there is not one address in it.
    pub fn list(
        self,
        name: impl Into<String>,
        category: Category,
        bytes: &[u8],
    ) -> Result<Self, ListError> {
        self.list_with_column(name, category, bytes, None)
    }

    /// Adds a list, and says by name which column of CSV, or which field of JSON, holds the
    /// addresses.
    ///
    /// # Errors
    ///
    /// When there is no such column, or not one address in it.
    pub fn list_with_column(
        mut self,
        name: impl Into<String>,
        category: Category,
        bytes: &[u8],
        column: Option<&str>,
    ) -> Result<Self, ListError> {
        self.add_list(name, category, bytes, column)?;
        Ok(self)
    }

    /// The same in place: a list that cannot be used changes nothing.
    ///
    /// # Errors
    ///
    /// When there is no such column, or not one address in it.
    pub fn add_list(
        &mut self,
        name: impl Into<String>,
        category: Category,
        bytes: &[u8],
        column: Option<&str>,
    ) -> Result<(), ListError> {
        self.add_bounded(name, category, bytes, column, Bounds::default())
    }

    /// The same, of which not all is taken.
    pub(crate) fn add_bounded(
        &mut self,
        name: impl Into<String>,
        category: Category,
        bytes: &[u8],
        column: Option<&str>,
        bounds: Bounds<'_>,
    ) -> Result<(), ListError> {
        let name = name.into();
        let list = match list::parse(bytes, column, bounds.most.unwrap_or(ENTRIES_MAX)) {
            Ok(list) => list,
            Err(fault) => return Err(ListError { name, fault }),
        };
        let mut blocks = list.blocks;
        // A repeated block keeps its highest level.
        blocks.sort_unstable_by_key(|(block, level)| (*block, Reverse(*level)));
        blocks.dedup_by_key(|(block, _)| *block);
        let read = blocks.len();
        blocks.retain(|(_, level)| category.at_level(*level).is_some());
        let unaccused = read - blocks.len();
        let spared = bounds.spared.map_or(0, |spared| spare(&mut blocks, spared));
        self.part();
        let Some(number) = self.room_for(1, blocks.len()) else {
            return Err(ListError { name, fault: ListFault::TooLarge });
        };
        for (block, level) in &blocks {
            let level = level.map(|level| u8::try_from(level).unwrap_or(LEVEL_MAX).min(LEVEL_MAX));
            match *block {
                Block::V4 { start, length } => {
                    self.v4.push(Entry { start, length, list: number, level });
                }
                Block::V6 { start, length } => {
                    self.v6.push(Entry { start, length, list: number, level });
                }
            }
        }
        self.lists.push(ListInfo {
            name,
            category,
            cloud: list.cloud.filter(|_| category == Category::Cloud),
            dated_secs: list.dated_secs,
            entries: list.entries,
            unaccused,
            spared,
            prefixes: blocks.len(),
            refused: list.refused,
            too_wide: list.too_wide,
            refusals: list.refusals,
        });
        Ok(())
    }

    /// The lists that were added so far, of which a compiled file that is alone is none.
    pub fn lists(&self) -> &[ListInfo] {
        &self.lists
    }

    /// Drops the lists of a name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.part();
        let mut numbers = 0..;
        let lists = std::mem::take(&mut self.lists).into_iter().map(|list| {
            let number = if list.name == name { None } else { numbers.next() };
            (number, list)
        });
        let (numbers, lists): (Vec<Option<u16>>, Vec<ListInfo>) = lists.unzip();
        let number_of = |list: u16| numbers.get(usize::from(list)).copied().flatten();
        let v4 = self.v4.into_iter();
        self.v4 = v4.filter_map(|it| Some(Entry { list: number_of(it.list)?, ..it })).collect();
        let v6 = self.v6.into_iter();
        self.v6 = v6.filter_map(|it| Some(Entry { list: number_of(it.list)?, ..it })).collect();
        self.lists = lists.into_iter().filter(|list| list.name != name).collect();
        self
    }

    /// Says as of when the list added last is, in seconds since 1970, unless it says so itself.
    #[must_use]
    pub fn dated(mut self, secs: u64) -> Self {
        if let Some(list) = self.lists.last_mut() {
            list.dated_secs.get_or_insert(secs);
        }
        self
    }

    /// Adds all lists of a compiled file. Alone it is used as it is; with others, all are compiled
    /// together.
    ///
    /// # Errors
    ///
    /// When the bytes are no compiled file, or a damaged one, or one of another version.
    pub fn compiled(mut self, bytes: impl Into<Vec<u8>>) -> Result<Self, CompiledError> {
        let compiled = Compiled::load(bytes.into())?;
        if self.whole.is_none() && self.lists.is_empty() {
            self.whole = Some(compiled);
            return Ok(self);
        }
        self.part();
        self.absorb(compiled)?;
        Ok(self)
    }

    /// Sets the country database: the bytes of an MMDB file as `GeoLite2`, DB-IP, iptoasn or
    /// ip-location-db make them.
    ///
    /// # Errors
    ///
    /// When the bytes are no MMDB file, or the file tells no countries.
    pub fn countries(mut self, bytes: impl Into<Vec<u8>>) -> Result<Self, DatabaseError> {
        self.add_countries(bytes)?;
        Ok(self)
    }

    /// The same in place: a file that cannot be used changes nothing.
    ///
    /// # Errors
    ///
    /// When the bytes are no MMDB file, or the file tells no countries.
    pub fn add_countries(&mut self, bytes: impl Into<Vec<u8>>) -> Result<(), DatabaseError> {
        self.countries = Some(Countries::new(bytes.into())?);
        Ok(())
    }

    /// Sets the database of networks: the bytes of an MMDB file that tells autonomous systems.
    ///
    /// # Errors
    ///
    /// When the bytes are no MMDB file, or the file tells no networks.
    pub fn networks(mut self, bytes: impl Into<Vec<u8>>) -> Result<Self, DatabaseError> {
        self.add_networks(bytes)?;
        Ok(self)
    }

    /// The same in place: a file that cannot be used changes nothing.
    ///
    /// # Errors
    ///
    /// When the bytes are no MMDB file, or the file tells no networks.
    pub fn add_networks(&mut self, bytes: impl Into<Vec<u8>>) -> Result<(), DatabaseError> {
        self.networks = Some(Networks::new(bytes.into())?);
        Ok(())
    }

    /// Compiles what was gathered.
    pub fn build(self) -> Intelligence {
        let Self { whole, lists, v4, v6, countries, networks } = self;
        let compiled = whole.unwrap_or_else(|| Compiled::of(lists, v4, v6));
        Intelligence { compiled, countries, networks }
    }

    /// Takes a compiled file apart that does not stay alone.
    fn part(&mut self) {
        if let Some(whole) = self.whole.take() {
            // There is room: nothing else was gathered.
            let _ = self.absorb(whole);
        }
    }

    fn absorb(&mut self, compiled: Compiled) -> Result<(), CompiledError> {
        let Compiled { bytes, v4, v6, lists } = compiled;
        let before =
            self.room_for(lists.len(), v4.len() + v6.len()).ok_or(CompiledError::TooLarge)?;
        let entries = v4.entries(bytes.room());
        self.v4.extend(entries.map(|it| Entry { list: it.list.saturating_add(before), ..it }));
        let entries = v6.entries(bytes.room());
        self.v6.extend(entries.map(|it| Entry { list: it.list.saturating_add(before), ..it }));
        self.lists.extend(lists);
        Ok(())
    }

    /// The number of the next list, where so many and so many entries still fit.
    fn room_for(&self, lists: usize, entries: usize) -> Option<u16> {
        let fits = u16::try_from(self.lists.len() + lists).is_ok()
            && self.v4.len().max(self.v6.len()) + entries <= ENTRIES_MAX;
        u16::try_from(self.lists.len()).ok().filter(|_| fits)
    }
}

/// Takes addresses out of blocks; says how many blocks held any.
fn spare(blocks: &mut Vec<(Block, Option<u32>)>, spared: &Ranges) -> usize {
    let mut left = Vec::new();
    let before = blocks.len();
    blocks.retain(|(it, level)| {
        let prefix = it.prefix();
        let is_spared = spared.overlap(prefix);
        if is_spared {
            let pieces = spared.left_of(prefix).into_iter().filter_map(|piece| block(piece).ok());
            left.extend(pieces.map(|piece| (piece, *level)));
        }
        !is_spared
    });
    let count = before - blocks.len();
    blocks.append(&mut left);
    count
}
