"""The codes of gaps: what a backup can lack. One meaning has one name, from whatever platform it comes; docs/platforms/gaps.md
says in plain words what each means and what can be done.
"""

from typing import ClassVar, Final

LEFT_OUT: Final = "left-out"
"""How the codes end of what an export holds and we do not take: such an export is not to be thrown away as taken in whole."""


class Known:
    """All codes that a connector or a run may give."""

    # what was written
    MESSAGE_UNREADABLE: ClassVar[str] = "message-unreadable"
    MESSAGE_PARTLY_READ: ClassVar[str] = "message-partly-read"
    MESSAGE_UNDECRYPTED: ClassVar[str] = "message-undecrypted"
    RECORD_TOO_LARGE: ClassVar[str] = "record-too-large"
    RECORD_REFUSED: ClassVar[str] = "record-refused"
    LINE_TOO_LONG: ClassVar[str] = "line-too-long"
    TEXT_CUT: ClassVar[str] = "text-cut"
    FORMATTING_LEFT_OUT: ClassVar[str] = "formatting-left-out"
    TIME_UNKNOWN: ClassVar[str] = "time-unknown"
    POSTS_PARTIAL: ClassVar[str] = "posts-partial"
    COMMENT_CONTEXT_UNKNOWN: ClassVar[str] = "comment-context-unknown"
    EDIT_UNCHECKED: ClassVar[str] = "edit-unchecked"
    EDIT_BY_ANOTHER: ClassVar[str] = "edit-by-another"
    EVENT_TYPE_UNKNOWN: ClassVar[str] = "event-type-unknown"
    REACTION_UNREADABLE: ClassVar[str] = "reaction-unreadable"
    REACTIONS_UNNAMED: ClassVar[str] = "reactions-without-people"
    HISTORY_CUT: ClassVar[str] = "history-cut"
    NEWEST_LEFT_OUT: ClassVar[str] = "newest-left-out"
    PENDING_LEFT_OUT: ClassVar[str] = "pending-posts-left-out"
    TIMELINE_LEFT_OUT: ClassVar[str] = "timeline-left-out"
    PRIVATE_CHAT: ClassVar[str] = "private-chat-left-out"

    # files
    MEDIA_UNAVAILABLE: ClassVar[str] = "media-unavailable"
    MEDIA_ENCRYPTED: ClassVar[str] = "media-encrypted"
    FILE_DELETED: ClassVar[str] = "file-deleted"
    FILE_HIDDEN: ClassVar[str] = "file-hidden-by-plan"
    AVATARS_NOT_EXPORTED: ClassVar[str] = "avatars-not-exported"

    # groups and channels
    GROUP_GONE: ClassVar[str] = "group-gone"
    GROUP_UNKNOWN: ClassVar[str] = "group-unknown"
    GROUP_KNOWN_BY_NAME: ClassVar[str] = "group-known-by-name"
    JOINED_LEFT_OUT: ClassVar[str] = "joined-only-left-out"
    OUTSIDE_LEFT_OUT: ClassVar[str] = "outside-group-left-out"
    CHANNEL_GONE: ClassVar[str] = "channel-gone"
    CHANNEL_NOT_JOINED: ClassVar[str] = "channel-not-joined"
    CHANNEL_UNLISTED: ClassVar[str] = "channel-unlisted"
    CHANNELS_NOT_EXPORTED: ClassVar[str] = "private-channels-not-exported"
    STATE_UNREADABLE: ClassVar[str] = "state-unreadable"
    STATE_NOT_EXPORTED: ClassVar[str] = "state-not-exported"
    UNPINNED_NOT_EXPORTED: ClassVar[str] = "unpinned-not-exported"

    # people
    MEMBERS_PARTIAL: ClassVar[str] = "members-partial"
    MEMBER_UNREADABLE: ClassVar[str] = "member-unreadable"
    MEMBER_STATE_UNKNOWN: ClassVar[str] = "member-state-unknown"
    MEMBER_DETAILS_LEFT_OUT: ClassVar[str] = "member-details-left-out"
    DATE_UNCLEAR: ClassVar[str] = "date-unclear"
    ADDRESSES_NOT_EXPORTED: ClassVar[str] = "addresses-not-exported"
    CONTACT_UNREADABLE: ClassVar[str] = "contact-unreadable"
    CONTACT_WITHOUT_ADDRESS: ClassVar[str] = "contact-without-address"
    ANSWER_UNCLEAR: ClassVar[str] = "answer-unclear"
    ANSWERS_UNFINISHED: ClassVar[str] = "answers-unfinished"
    ANSWERS_OVER: ClassVar[str] = "answers-over"
    CONTACT_LEFT_OUT: ClassVar[str] = "contact-cards-left-out"

    # exports
    FILE_DAMAGED: ClassVar[str] = "file-damaged"
    FILE_REFUSED: ClassVar[str] = "file-refused"
    FILE_ENCRYPTED: ClassVar[str] = "file-encrypted"
    ROW_UNREADABLE: ClassVar[str] = "row-unreadable"
    ROW_EMPTY: ClassVar[str] = "row-empty"
    ANSWER_MISSING: ClassVar[str] = "answer-missing"
    ANSWER_UNREADABLE: ClassVar[str] = "answer-unreadable"
    LAYOUT_GUESSED: ClassVar[str] = "layout-guessed"
    TOO_MANY: ClassVar[str] = "too-many"
    PART_LEFT_OUT: ClassVar[str] = "part-left-out"
    EXPORT_LEFT_OUT: ClassVar[str] = "other-export-left-out"
