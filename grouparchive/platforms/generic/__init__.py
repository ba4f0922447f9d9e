"""What any tool can write: records in our own schemas, tables of members, address books."""

from grouparchive.platforms.files import FilePlatform
from grouparchive.platforms.generic.contacts import ContactsFile
from grouparchive.platforms.generic.members import MembersTable
from grouparchive.platforms.generic.records import GenericLines

PLATFORM = FilePlatform("generic", formats=(GenericLines, ContactsFile, MembersTable))
