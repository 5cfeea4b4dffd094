-- One store is one workspace: `ws` comes first in every key. Entities are stored as the records of
-- convodb-core, beside what keys, filters and the comparison of versions need. A version is a random
-- number that each write gives what it writes.

CREATE TABLE convodb.workspace (
    ws int PRIMARY KEY,
    name text NOT NULL UNIQUE,
    -- Seeds the keyed hashes.
    seed bytea NOT NULL,
    -- Rises with each change of the directory, and of what reaches beyond the rows that a command loads.
    epoch bigint NOT NULL DEFAULT 0,
    next_owner bigint NOT NULL DEFAULT 1,
    -- How events get their numbers: 0 by the head row, 1 by a settler.
    numbering smallint NOT NULL DEFAULT 0,
    oldest_event bigint NOT NULL DEFAULT 1
);

-- What every commit raises. Its lock is the order of the commits of a workspace.
CREATE TABLE convodb.head (
    ws int PRIMARY KEY,
    commit_seq bigint NOT NULL DEFAULT 0,
    newest_event bigint NOT NULL DEFAULT 0,
    newest_time bigint NOT NULL DEFAULT 0,
    newest_id bytea NOT NULL DEFAULT '\x00000000000000000000000000000000'
) WITH (fillfactor = 10);

-- Users and teams, inboxes, views, and what removed ones left.
CREATE TABLE convodb.directory (
    ws int, kind smallint, key bytea,
    record bytea NOT NULL,
    PRIMARY KEY (ws, kind, key)
);

CREATE TABLE convodb.conversation (
    ws int, key bytea,
    version bigint NOT NULL,
    contact bytea NOT NULL,
    inbox bigint NOT NULL,
    -- The lists that it is in, by state and by owner, and its place in them.
    by_state bigint NOT NULL,
    by_owner bigint NOT NULL,
    is_unread boolean NOT NULL,
    place bytea NOT NULL,
    -- When its snooze ends, in microseconds.
    due bigint,
    -- The greatest id that was given out when it was written.
    newest_id bytea NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (ws, key),
    UNIQUE (ws, contact, inbox)
) WITH (fillfactor = 85);
CREATE INDEX conversation_by_state ON convodb.conversation (ws, by_state, place);
CREATE INDEX conversation_by_owner ON convodb.conversation (ws, by_owner, place);
CREATE INDEX conversation_unread_by_state ON convodb.conversation (ws, by_state, place) WHERE is_unread;
CREATE INDEX conversation_unread_by_owner ON convodb.conversation (ws, by_owner, place) WHERE is_unread;
CREATE INDEX conversation_due ON convodb.conversation (ws, due) WHERE due IS NOT NULL;

-- The conversations that views list.
CREATE TABLE convodb.view_row (
    ws int, list bigint, place bytea,
    key bytea NOT NULL,
    PRIMARY KEY (ws, list, place)
);

-- Keys are the conversation and the id; places are the conversation, the time in its thread, and the id.
CREATE TABLE convodb.message (
    ws int, key bytea,
    version bigint NOT NULL,
    place bytea NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (ws, key)
);
CREATE INDEX message_place ON convodb.message (ws, place);

-- Keys are the conversation, the time, and the id.
CREATE TABLE convodb.note (
    ws int, key bytea,
    version bigint NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (ws, key)
);

-- What there is under a provider's id: its message, receipts that wait for it, or a tombstone.
CREATE TABLE convodb.provider_id (
    ws int, key bytea,
    version bigint NOT NULL,
    -- Since when receipts wait, in microseconds.
    since bigint,
    record bytea NOT NULL,
    PRIMARY KEY (ws, key)
);
CREATE INDEX provider_id_since ON convodb.provider_id (ws, since) WHERE since IS NOT NULL;

CREATE TABLE convodb.idempotency (
    ws int, key bytea,
    version bigint NOT NULL,
    at bigint NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (ws, key)
);
CREATE INDEX idempotency_at ON convodb.idempotency (ws, at, key);

CREATE TABLE convodb.consumer (
    ws int, key bytea,
    version bigint NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (ws, key)
);

CREATE TABLE convodb.import (
    ws int, key bytea,
    version bigint NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (ws, key)
);

CREATE TABLE convodb.contact (
    ws int, key bytea,
    version bigint NOT NULL,
    -- Its name, folded and cut.
    name bytea,
    record bytea NOT NULL,
    PRIMARY KEY (ws, key)
);
CREATE INDEX contact_name ON convodb.contact (ws, name, key) WHERE name IS NOT NULL;

CREATE TABLE convodb.identity (
    ws int, key bytea,
    version bigint NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (ws, key)
);

-- Ids of what was merged, and what they mean now.
CREATE TABLE convodb.contact_alias (
    ws int, key bytea,
    target bytea NOT NULL,
    PRIMARY KEY (ws, key)
);
CREATE INDEX contact_alias_target ON convodb.contact_alias (ws, target);
CREATE TABLE convodb.conversation_alias (
    ws int, key bytea,
    target bytea NOT NULL,
    PRIMARY KEY (ws, key)
);
CREATE INDEX conversation_alias_target ON convodb.conversation_alias (ws, target);

CREATE TABLE convodb.tag (
    ws int, key bytea,
    tag bytea NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (ws, key)
);

-- By ranges of 2^22 numbers, which `migrate` makes ahead.
CREATE TABLE convodb.event (
    ws int, number bigint,
    at bigint NOT NULL,
    -- The conversation whose audit log has it.
    audit bytea,
    -- Hashes of the contacts that it names.
    contacts bytea[],
    record bytea NOT NULL,
    PRIMARY KEY (ws, number)
) PARTITION BY RANGE (number);
CREATE INDEX event_audit ON convodb.event (ws, audit, number) WHERE audit IS NOT NULL;
CREATE INDEX event_contacts ON convodb.event USING gin (contacts) WHERE contacts IS NOT NULL;
CREATE TABLE convodb.event_rest PARTITION OF convodb.event DEFAULT;

-- Events of audit logs that were purged from the others.
CREATE TABLE convodb.audit (
    ws int, conversation bytea, number bigint,
    record bytea NOT NULL,
    PRIMARY KEY (ws, conversation, number)
);

-- Events that a settler numbers, in the order of `id`, of which a commit has one, and of `n`.
CREATE SEQUENCE convodb.event_seq;
CREATE TABLE convodb.pending_event (
    ws int, id bigint, n bigint,
    at bigint NOT NULL,
    audit bytea,
    contacts bytea[],
    record bytea NOT NULL,
    PRIMARY KEY (ws, id, n)
);

-- What each commit added to the lists: so many conversations at a sort key of a stream. Rows behind `folded` are
-- not in the counts yet; a row of a settled commit has the negative of its number. `version` marks the commit, so
-- that none happens twice.
CREATE SEQUENCE convodb.journal_seq;
CREATE TABLE convodb.journal (
    ws int, seq bigint,
    -- The version that the commit wrote.
    version bigint NOT NULL,
    streams bigint[] NOT NULL,
    keys bigint[] NOT NULL,
    deltas int[] NOT NULL,
    -- Its time, and the greatest id that was given out by then.
    at bigint NOT NULL,
    newest_id bytea NOT NULL,
    PRIMARY KEY (ws, seq),
    UNIQUE (ws, version)
);
CREATE TABLE convodb.fold (
    ws int PRIMARY KEY,
    folded bigint NOT NULL DEFAULT 0,
    -- Settled numbering: no transaction whose number is lower than `horizon_xid` can add a row up to `horizon`.
    horizon bigint NOT NULL DEFAULT 0,
    horizon_xid text
) WITH (fillfactor = 10);

-- Counts of the rows of a stream by slices of its sort key. A slice of level L holds 2^L keys, and a row
-- the counts of 64 slices.
CREATE TABLE convodb.node (
    ws int, stream bigint, level smallint, node bigint,
    total bigint NOT NULL,
    counts bigint[] NOT NULL,
    PRIMARY KEY (ws, stream, level, node)
);
