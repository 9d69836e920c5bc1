//! Lists and a country database, as bytes, gathered into one [`Intelligence`].
//!
//! Promises that a list or database which cannot be used is an error at once, and never an
//! intelligence that silently knows less. Must not know where the bytes are from.

use std::cmp::Reverse;

use thiserror::Error;

use super::block::Block;
use super::category::Category;
use super::country::{Countries, CountriesError};
use super::list::{self, ListFault};
use super::table::{Record, Table};
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

/// Gathers lists and a country database.
#[derive(Default)]
pub struct Builder {
    lists: Vec<ListInfo>,
    blocks: Vec<(Block, Record)>,
    countries: Option<Countries>,
}

impl Builder {
    /// Adds a list: one address, prefix or range a line, `address<TAB>count`, or CSV, of which the
    /// first column that holds addresses is taken. `category` is what the list says of them; a
    /// malicious list with counts accuses from 3 (reported) and 5 (malicious) on.
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

    /// Adds a list, and says by name which column of a CSV list holds the addresses.
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
        let name = name.into();
        let number = u16::try_from(self.lists.len());
        let (list, number) = match (list::parse(bytes, column), number) {
            (Ok(list), Ok(number)) => (list, number),
            (Err(fault), _) => return Err(ListError { name, fault }),
            (Ok(_), Err(_)) => return Err(ListError { name, fault: ListFault::TooMany }),
        };
        let mut blocks = list.blocks;
        // A repeated block keeps its highest level.
        blocks.sort_unstable_by_key(|(block, level)| (*block, Reverse(*level)));
        blocks.dedup_by_key(|(block, _)| *block);
        let read = blocks.len();
        let before = self.blocks.len();
        self.blocks.extend(blocks.into_iter().filter_map(|(block, level)| {
            let category = category.at_level(level)?;
            Some((block, Record { list: number, category, level, length: block.length() }))
        }));
        let prefixes = self.blocks.len() - before;
        self.lists.push(ListInfo {
            name,
            category,
            entries: list.entries,
            unaccused: read - prefixes,
            prefixes,
            refused: list.refused,
            refusals: list.refusals,
        });
        Ok(self)
    }

    /// Sets the country database: the bytes of an MMDB file as `GeoLite2`, DB-IP, iptoasn or
    /// ip-location-db make them.
    ///
    /// # Errors
    ///
    /// When the bytes are no MMDB file, or the file tells no countries.
    pub fn countries(mut self, bytes: impl Into<Vec<u8>>) -> Result<Self, CountriesError> {
        self.countries = Some(Countries::new(bytes.into())?);
        Ok(self)
    }

    /// Compiles what was gathered.
    pub fn build(self) -> Intelligence {
        Intelligence {
            lists: self.lists,
            table: Table::build(self.blocks),
            countries: self.countries,
        }
    }
}
