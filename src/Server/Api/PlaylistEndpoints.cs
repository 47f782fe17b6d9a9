using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;
using StreamDiff.Transport.Media.Playlists;

namespace StreamDiff.Server.Api;

/// <summary>What a session makes as HLS with low latency (draft-pantos-hls-rfc8216bis), for players that know nothing else of us.</summary>
/// <param name="playlists">The playlists.</param>
/// <param name="ending">Cancelled when the studio ends: nobody is to wait for what does not come.</param>
internal sealed class PlaylistEndpoints(Playlists playlists, CancellationToken ending)
{
    private const string Route = "/sessions/{name}/hls/";
    private const string Media = "stream.m3u8";
    private const string SegmentName = "_HLS_msn";
    private const string PartName = "_HLS_part";
    private const string PlaylistType = "application/vnd.apple.mpegurl";
    private const string FragmentType = "video/mp4";

    // Until the encoder has begun and a first segment is whole.
    private static readonly TimeSpan BeginsWithin = TimeSpan.FromSeconds(15);

    // Section 6.2.5.2: three target durations.
    private static readonly TimeSpan ComesWithin = 3 * PlaylistTimes.LongestSegment;

    public void Map(RouteGroupBuilder api)
    {
        Add("index.m3u8", Multivariant, "playSession", PlaylistType,
            "Watch a session with a player of HLS: a playlist that names the one of the session, with its codecs.");
        Add(Media, Stream, "getPlaylist", PlaylistType,
            "The newest seconds of a session; _HLS_msn and _HLS_part wait until that segment or part is there.");
        Add("{file}", File, "getPlaylistFile", FragmentType, "What a playlist names: MP4 in fragments. The part to come is waited for.");

        void Add(string path, Delegate run, string name, string type, string summary) =>
            api.MapGet(Route + path, run).Needs(Role.Viewer, SessionKey.Play).IsPlaylist().WithMetadata(new Uncounted()).WithName(name)
                .WithSummary(summary).Produces(StatusCodes.Status200OK, contentType: type);
    }

    private async Task<IResult> Multivariant(string name, Caller caller, HttpContext context)
    {
        _ = caller;
        using var asking = playlists.Ask(name, PlayerAddress.Of(context));
        await Within(BeginsWithin, asking, context, ct => asking.Playlist.WaitForHeader(ct)).ConfigureAwait(false);
        var text = asking.Playlist.ToMultivariantText(Media + PlaylistKey.QueryFor(context))
            ?? throw new RefusedException(StatusCodes.Status409Conflict, $"session {name} has ended");
        return Text(text);
    }

    private async Task<IResult> Stream(
        string name, [FromQuery(Name = SegmentName)] string? msn, [FromQuery(Name = PartName)] string? place, Caller caller,
        HttpContext context)
    {
        _ = caller;
        var segment = Number(SegmentName, msn, long.MaxValue);
        var part = (int?)Number(PartName, place, int.MaxValue);
        if (part is not null && segment is null)
            throw new RefusedException(StatusCodes.Status400BadRequest, $"{PartName} needs {SegmentName}");
        using var asking = playlists.Ask(name, PlayerAddress.Of(context));
        var isNear = true;
        await Within(segment is null ? BeginsWithin : ComesWithin, asking, context, async ct =>
            isNear = await asking.Playlist.WaitFor(segment, part, ct).ConfigureAwait(false)).ConfigureAwait(false);
        return isNear
            ? Text(asking.Playlist.ToText(PlaylistKey.QueryFor(context)))
            : throw new RefusedException(
                StatusCodes.Status400BadRequest,
                $"{SegmentName}={segment} is further ahead than a player may ask for: read the playlist again");
    }

    private async Task<IResult> File(string name, string file, Caller caller, HttpContext context)
    {
        _ = caller;
        // Who takes long to read it keeps nobody from asking.
        var found = await Find(name, file, context).ConfigureAwait(false);
        if (found is null)
            throw RefusedException.NotFound($"the playlist of session {name} has no {file}, or no longer");
        var response = context.Response;
        // Its name never stands for anything else.
        response.Headers.CacheControl = "private, max-age=60, immutable";
        (response.ContentType, response.ContentLength) = (FragmentType, found.Sum(f => (long)f.Length));
        foreach (var piece in found)
            await response.Body.WriteAsync(piece, context.RequestAborted).ConfigureAwait(false);
        return TypedResults.Empty;
    }

    private async Task<IReadOnlyList<ReadOnlyMemory<byte>>?> Find(string name, string file, HttpContext context)
    {
        using var asking = playlists.Ask(name, PlayerAddress.Of(context));
        if (NumberOf(file, "part-", ".m4s") is { } part)
        {
            PlaylistPart? made = null;
            await Within(ComesWithin, asking, context, async ct => made = await asking.Playlist.Part(part, ct).ConfigureAwait(false))
                .ConfigureAwait(false);
            return made is null ? null : [made.Data];
        }
        if (NumberOf(file, "segment-", ".m4s") is { } segment)
            return asking.Playlist.Segment(segment) is { } whole ? [.. whole.Parts.Select(p => p.Data)] : null;
        return NumberOf(file, "init-", ".mp4") is { } header && asking.Playlist.HeaderOf(header) is { } beginning
            ? [beginning.Data]
            : null;
    }

    private async Task Within(TimeSpan patience, Playlists.Asking asking, HttpContext context, Func<CancellationToken, Task> wait)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, ending);
        over.CancelAfter(patience);
        try
        {
            await wait(over.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            context.Response.Headers.RetryAfter = "1";
            throw new RefusedException(
                StatusCodes.Status503ServiceUnavailable, $"nothing came in time: {asking.Obstacle ?? "try again in a moment"}");
        }
    }

    private static FileContentHttpResult Text(string text) => TypedResults.Bytes(Encoding.UTF8.GetBytes(text), PlaylistType);

    private static long? Number(string name, string? text, long most) => text is null ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= most ? number
        : throw new RefusedException(StatusCodes.Status400BadRequest, $"{name} must be a whole number, not '{text}'");

    private static long? NumberOf(string file, string before, string after) =>
        file.StartsWith(before, StringComparison.Ordinal) && file.EndsWith(after, StringComparison.Ordinal)
            && file.Length > before.Length + after.Length
            && long.TryParse(file.AsSpan(before.Length, file.Length - before.Length - after.Length), NumberStyles.None,
                CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
