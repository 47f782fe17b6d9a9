using Npgsql;

namespace StreamDiff.Fleet.Storage;

/// <summary>
/// Tables of a fleet in PostgreSQL, and the queries by which Orleans uses them. Orleans asks for queries by the keys of its table
/// <c>OrleansQuery</c> and gives parameters by name (Orleans documentation, "ADO.NET database configuration"); how they answer is ours.
/// Each is one statement, and so whole or not at all.
/// </summary>
internal static class PostgresSchema
{
    private const string Tables = """
        CREATE TABLE IF NOT EXISTS OrleansQuery (QueryKey text PRIMARY KEY, QueryText text NOT NULL);
        CREATE TABLE IF NOT EXISTS fleet_versions (fleet text PRIMARY KEY, version integer NOT NULL);
        CREATE TABLE IF NOT EXISTS fleet_members (
            fleet text REFERENCES fleet_versions, address text, port integer, generation integer, silo text NOT NULL, host text NOT NULL,
            status integer NOT NULL, gateway integer, suspected text, metadata text, begun timestamptz(3) NOT NULL,
            alive timestamptz(3) NOT NULL, PRIMARY KEY (fleet, address, port, generation));
        CREATE TABLE IF NOT EXISTS fleet_states (
            fleet text, type text, n0 bigint, n1 bigint, extension text, payload bytea, version integer NOT NULL,
            PRIMARY KEY (fleet, type, n0, n1, extension));
        """;

    private const string Member =
        "fleet = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation";

    // Whoever changes members must have seen the last change.
    private const string Bump =
        "UPDATE fleet_versions SET version = version + 1 WHERE fleet = @DeploymentId AND version = @Version";

    private const string Members = """
        SELECT v.fleet AS DeploymentId, m.address AS Address, m.port AS Port, m.generation AS Generation, m.silo AS SiloName,
            m.host AS HostName, m.status AS Status, m.gateway AS ProxyPort, m.suspected AS SuspectTimes, m.metadata AS MetadataJson,
            m.begun AS StartTime, m.alive AS IAmAliveTime, v.version AS Version
        FROM fleet_versions v LEFT JOIN fleet_members m ON m.fleet = v.fleet
        """;

    private const string State = """
        fleet = @ServiceId AND type = @GrainTypeString AND n0 = @GrainIdN0 AND n1 = @GrainIdN1
            AND extension = coalesce(@GrainIdExtensionString::text, '')
        """;

    private static readonly (string Key, string Text)[] Queries =
    [
        ("InsertMembershipVersionKey", """
            WITH made AS (INSERT INTO fleet_versions VALUES (@DeploymentId, 0) ON CONFLICT DO NOTHING RETURNING 1)
            SELECT count(*)::int FROM made
            """),
        ("InsertMembershipKey", $"""
            WITH bumped AS ({Bump} AND NOT EXISTS (SELECT 1 FROM fleet_members WHERE {Member}) RETURNING 1),
            made AS (
                INSERT INTO fleet_members (fleet, address, port, generation, silo, host, status, gateway, begun, alive)
                SELECT @DeploymentId, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort::int, @StartTime,
                    @IAmAliveTime
                FROM bumped RETURNING 1)
            SELECT count(*)::int FROM made
            """),
        ("UpdateMembershipKey", $"""
            WITH bumped AS ({Bump} RETURNING 1),
            changed AS (
                UPDATE fleet_members SET status = @Status, suspected = @SuspectTimes::text, alive = @IAmAliveTime
                FROM bumped WHERE {Member} RETURNING 1)
            SELECT count(*)::int FROM changed
            """),
        ("UpdateIAmAlivetimeKey", $"UPDATE fleet_members SET alive = @IAmAliveTime WHERE {Member}"),
        ("MembershipReadRowKey", $"{Members} AND address = @Address AND port = @Port AND generation = @Generation "
            + "WHERE v.fleet = @DeploymentId"),
        ("MembershipReadAllKey", $"{Members} WHERE v.fleet = @DeploymentId"),
        ("DeleteMembershipTableEntriesKey",
            "DELETE FROM fleet_members WHERE fleet = @DeploymentId; DELETE FROM fleet_versions WHERE fleet = @DeploymentId"),
        ("GatewaysQueryKey", """
            SELECT address AS Address, gateway AS ProxyPort, generation AS Generation FROM fleet_members
            WHERE fleet = @DeploymentId AND status = @Status AND gateway > 0
            """),
        // 3 is the status of a member that takes part.
        ("CleanupDefunctSiloEntriesKey",
            "DELETE FROM fleet_members WHERE fleet = @DeploymentId AND alive < @IAmAliveTime AND status <> 3"),
        // The version of before is the answer that nothing was written.
        ("WriteToStorageKey", $"""
            WITH changed AS (
                UPDATE fleet_states SET payload = @PayloadBinary, version = version + 1
                WHERE {State} AND version = @GrainStateVersion::int RETURNING version),
            made AS (
                INSERT INTO fleet_states (fleet, type, n0, n1, extension, payload, version)
                SELECT @ServiceId, @GrainTypeString, @GrainIdN0, @GrainIdN1, coalesce(@GrainIdExtensionString::text, ''),
                    @PayloadBinary, 1
                WHERE @GrainStateVersion::int IS NULL ON CONFLICT DO NOTHING RETURNING version)
            SELECT coalesce((SELECT version FROM changed), (SELECT version FROM made), @GrainStateVersion::int) AS NewGrainStateVersion
            """),
        ("ReadFromStorageKey", $"""
            SELECT payload AS PayloadBinary, NULL::text AS PayloadJson, NULL::xml AS PayloadXml, version AS Version
            FROM fleet_states WHERE {State}
            """),
        ("ClearStorageKey", $"""
            UPDATE fleet_states SET payload = NULL, version = version + 1
            WHERE {State} AND version = @GrainStateVersion::int RETURNING version AS NewGrainStateVersion
            """),
        ("DeleteStorageKey", $"""
            DELETE FROM fleet_states
            WHERE {State} AND version = @GrainStateVersion::int RETURNING version + 1 AS NewGrainStateVersion
            """),
    ];

    /// <summary>Makes what is not there yet. Several fronts may do so at a time.</summary>
    /// <exception cref="NpgsqlException">The server does not answer, or does not let it.</exception>
    public static async Task Prepare(string connection)
    {
        await using var source = NpgsqlDataSource.Create(connection);
        await using var open = await source.OpenConnectionAsync().ConfigureAwait(false);
        await using var all = await open.BeginTransactionAsync().ConfigureAwait(false);
        // Two that make the same table at the same moment would both fail.
        await Do(open, "SELECT pg_advisory_xact_lock(hashtext('streamdiff fleet'))").ConfigureAwait(false);
        await Do(open, Tables).ConfigureAwait(false);
        foreach (var (key, text) in Queries)
            await Do(open,
                "INSERT INTO OrleansQuery VALUES ($1, $2) ON CONFLICT (QueryKey) DO UPDATE SET QueryText = $2", key, text)
                .ConfigureAwait(false);
        await all.CommitAsync().ConfigureAwait(false);
    }

    private static async Task Do(NpgsqlConnection open, string text, params string[] values)
    {
        await using var command = new NpgsqlCommand(text, open);
        foreach (var value in values)
            _ = command.Parameters.AddWithValue(value);
        _ = await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }
}
