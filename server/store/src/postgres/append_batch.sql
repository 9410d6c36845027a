-- The store's second step on PostgreSQL. What appends is made anew: a database of before has it with
-- other parameters. Whoever changes them again adds a step that does the same.
DROP FUNCTION IF EXISTS append_batch;

-- Appends a batch in one round trip, and in one transaction of its own: a node that stops in the
-- middle of it holds nothing. The batch is numbered from 1, its topics and authors by their places
-- in the lists; the answer says after which position and event it really begins. Who appends says what they know: ids
-- (0 if not), which never change, and where topics stood (-1 if not) when the log was at
-- expected_pos.
CREATE FUNCTION append_batch(
    names TEXT[], orgs BYTEA[], people BYTEA[], of_epoch BIGINT, expected_pos BIGINT,
    INOUT topic_ids BIGINT[], INOUT author_ids BIGINT[],
    INOUT after_seqs BIGINT[], INOUT after_ns BIGINT[],
    topic_of BIGINT[], author_of BIGINT[], seqs BIGINT[], ns BIGINT[], count_of BIGINT[],
    kinds TEXT[], ids BYTEA[], ats BIGINT[], cids BYTEA[], hashes BIGINT[], texts TEXT[],
    OUT after_pos BIGINT, OUT after_id BYTEA
) LANGUAGE plpgsql AS $$
BEGIN
    -- From here on nobody else appends. Each statement below sees what was committed until now.
    UPDATE meta SET pos = pos + cardinality(ids) WHERE epoch = of_epoch
    RETURNING pos - cardinality(ids) INTO after_pos;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the log has another epoch';
    END IF;

    SELECT id INTO after_id FROM event WHERE pos = after_pos;

    -- One look into an index for each: never a plan that was made when the tables were small.
    IF array_position(topic_ids, 0) IS NOT NULL THEN
        topic_ids := ARRAY(
            SELECT CASE WHEN q.id > 0 THEN q.id
                   ELSE (SELECT id FROM topic WHERE name = q.name COLLATE "C") END
            FROM unnest(topic_ids, names) q(id, name));
    END IF;
    IF array_position(author_ids, 0) IS NOT NULL THEN
        author_ids := ARRAY(
            SELECT CASE WHEN q.id > 0 THEN q.id
                   ELSE (SELECT id FROM author WHERE "user" = q.person) END
            FROM unnest(author_ids, people) q(id, person));
    END IF;
    IF after_pos <> expected_pos OR array_position(after_seqs, -1) IS NOT NULL THEN
        SELECT array_agg(coalesce(e.seq, 0)), array_agg(coalesce(e.n, 0)) INTO after_seqs, after_ns
        FROM unnest(topic_ids) q LEFT JOIN LATERAL (
            SELECT seq, n FROM event WHERE topic = q ORDER BY seq DESC LIMIT 1) e ON TRUE;
    END IF;

    IF array_position(topic_ids, NULL) IS NOT NULL OR array_position(author_ids, NULL) IS NOT NULL
    THEN
        WITH fresh AS (
            SELECT i, row_number() OVER (ORDER BY i) AS number
            FROM generate_subscripts(names, 1) i WHERE topic_ids[i] IS NULL
        ), counted AS (
            UPDATE meta SET topics = topics + (SELECT count(*) FROM fresh)
            RETURNING topics - (SELECT count(*) FROM fresh) AS before
        ), made AS (
            INSERT INTO topic (id, name, org)
            SELECT before + number, names[i], orgs[i] FROM fresh, counted RETURNING id, name
        )
        SELECT array_agg(coalesce(topic_ids[q.i], made.id) ORDER BY q.i) INTO topic_ids
        FROM unnest(names) WITH ORDINALITY q(name, i) LEFT JOIN made USING (name);

        WITH fresh AS (
            SELECT i, row_number() OVER (ORDER BY i) AS number
            FROM generate_subscripts(people, 1) i WHERE author_ids[i] IS NULL
        ), counted AS (
            UPDATE meta SET authors = authors + (SELECT count(*) FROM fresh)
            RETURNING authors - (SELECT count(*) FROM fresh) AS before
        ), made AS (
            INSERT INTO author (id, "user")
            SELECT before + number, people[i] FROM fresh, counted RETURNING id, "user"
        )
        SELECT array_agg(coalesce(author_ids[q.i], made.id) ORDER BY q.i) INTO author_ids
        FROM unnest(people) WITH ORDINALITY q(person, i) LEFT JOIN made ON made."user" = q.person;
    END IF;

    -- The data of what counts is open at its end: there goes its own position.
    INSERT INTO event (pos, topic, seq, n, counts, k, id, by_id, at, cid, hash, data)
    SELECT after_pos + q.i, topic_ids[q.topic], after_seqs[q.topic] + q.seq,
           after_ns[q.topic] + q.n, q.counts, q.k, q.id, author_ids[q.author], q.at, q.cid, q.hash,
           CASE q.counts WHEN 0 THEN q.data
                ELSE q.data || (after_seqs[q.topic] + q.seq) || '}' END
    FROM unnest(topic_of, author_of, seqs, ns, count_of, kinds, ids, ats, cids, hashes, texts)
        WITH ORDINALITY q(topic, author, seq, n, counts, k, id, at, cid, hash, data, i);
END $$;
