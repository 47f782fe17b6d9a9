using Microsoft.AspNetCore.Http;
using StreamDiff.Client;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Server.Sessions;

/// <summary>What the studio reads of a session's options. The one place that knows their names.</summary>
internal static class SessionRules
{
    /// <summary>The input of a session to which a page publishes.</summary>
    public const string Browser = "browser";

    /// <summary>
    /// Files and devices of the machine are for admins: others could read and write what is not theirs. To be asked before anything is
    /// opened, and so before the options are checked: what is wrong with a file's content tells it, whether one is there as well.
    /// </summary>
    /// <param name="wanted">What the session shall be.</param>
    /// <param name="server">What sessions have where they say nothing else; its files are everybody's.</param>
    /// <param name="caller">Who wants it.</param>
    /// <param name="log">The log that the studio keeps itself.</param>
    /// <exception cref="RefusedException">Another one names them.</exception>
    public static void CheckFiles(RestyleOptions wanted, RestyleOptions server, Caller caller, string log)
    {
        if (caller.Role >= Role.Admin)
            return;
        var others = RunFiles.Named(server).Select(f => f.Path).Append(log);
        var file = RunFiles.Named(wanted).Select(f => f.Path).Except(others).FirstOrDefault()
            ?? wanted.Output.Addresses.Append(wanted.Input.Address).FirstOrDefault(IsDevice)?.Text;
        if (file is not null)
            throw ForAdmins(file);
    }

    /// <summary>The same for what changes of a session open, such as masks.</summary>
    /// <param name="request">The changes.</param>
    /// <param name="caller">Who wants them.</param>
    /// <exception cref="RefusedException">Another one names a file or a device, or a change is not understood.</exception>
    public static void CheckOpened(ControlRequest request, Caller caller)
    {
        if (caller.Role < Role.Admin && Steering.Changes(request).SelectMany(c => c.Opens).Select(MediaAddress.Parse)
            .FirstOrDefault(a => a.Kind == MediaKind.File || IsDevice(a) || RunFiles.OfListener(a).Any()) is { } opened)
            throw ForAdmins(opened.Text);
    }

    /// <summary>What a session with a model is steered to at its beginning.</summary>
    public static SessionControls ControlsOf(RestyleOptions options, Model model)
    {
        var effective = options.Sampling.WithDefaultsOf(model.Config);
        return new SessionControls(
            effective.Prompt, effective.NoiseScale ?? 1, effective.Steps, effective.Seed, effective.SinkFrames ?? 0,
            effective.SinkThreshold ?? -1, Paused: false)
        {
            Loras = options.Compute.LoraLive ? options.Compute.Loras.ToDictionary(l => l.Name, l => l.Strength) : null,
        };
    }

    /// <summary>A session as it is told.</summary>
    /// <param name="session">The session.</param>
    /// <param name="caller">Who is told: keys only who may operate it.</param>
    /// <param name="model">Name of the studio's model.</param>
    public static SessionInfo InfoOf(StudioSession session, Caller caller, string? model)
    {
        var run = session.Run;
        var options = run?.Options;
        var mayOperate = caller.Role >= Role.Operator && caller.IsFor(session.Name);
        if (session.Last is { } last)
            return last with
            {
                Version = session.Version,
                PublishKey = mayOperate ? session.PublishKey : null,
                PlayKey = mayOperate ? session.PlayKey : null,
            };
        return new SessionInfo
        {
            Name = session.Name,
            State = session.State,
            Reason = session.Reason,
            Version = session.Version,
            Created = session.Created,
            Ended = session.EndedAt,
            Model = run is { Session: null } ? ComputeOptions.Passthrough : model ?? ComputeOptions.Passthrough,
            Input = options?.Input.Address.Shown ?? "",
            Size = run is null ? null : $"{run.Size.Width}x{run.Size.Height}",
            Fps = run?.Outputs.Format.FrameRate.ToDouble() ?? 0,
            DeadlineMs = run?.Session?.Request.Slo.Deadline.TotalMilliseconds,
            Controls = session.Controls,
            Status = run is null ? null : StatusOf(run),
            Notes = session.Notes,
            PublishKey = mayOperate ? session.PublishKey : null,
            PlayKey = mayOperate ? session.PlayKey : null,
        };
    }

    private static SessionStatus StatusOf(ServedRun run)
    {
        var (s, status) = (run.Statistics, run.Status);
        return new SessionStatus
        {
            Source = status?.SourceState ?? "waiting",
            FpsIn = Math.Round(status?.InRate ?? 0, 2),
            FpsNew = Math.Round(status?.NewRate ?? 0, 2),
            FramesIn = s.FramesIn,
            FramesOut = s.FramesOut,
            Dropped = s.Dropped,
            Late = s.Late,
            LateBy = s.Misses.Where(m => m.Value > 0).ToDictionary(m => Named(m.Key), m => m.Value),
            FirstFrameMs = s.FirstFrame is { } first ? Milliseconds(first) : null,
            LatencyP50Ms = Milliseconds(s.LatencyP50),
            LatencyP95Ms = Milliseconds(s.LatencyP95),
            LatencyP99Ms = Milliseconds(s.LatencyP99),
            LatencyMaxMs = Milliseconds(s.LatencyMax),
            StagesMs = s.Stages.ToDictionary(p => Named(p.Key), p => Milliseconds(p.Value)),
            Steps = s.Steps,
            GivenUp = s.Degraded,
            Outputs =
            [
                .. (status?.Outputs ?? []).Select(o =>
                    new OutputInfo(o.Name, o.IsOpen, o.Sent, o.Dropped, o.Reopened, LinkOf(o.Link), o.Encoder)),
            ],
            Encoders = [.. (status?.Encoders ?? []).Select(e => new EncoderInfo(e.Number, e.Name, e.Made, e.Outputs))],
            Link = LinkOf(status?.Link),
        };
    }

    private static LinkInfo? LinkOf(LinkStatistics? link) => link is null ? null
        : new LinkInfo(Math.Round(link.RoundTrip.TotalMilliseconds, 2), link.Packets, link.Lost, link.Retransmitted, link.Dropped);

    private static string Named<T>(T value)
        where T : struct, Enum => System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 1);

    private static bool IsDevice(MediaAddress address) => address.Kind is MediaKind.Camera or MediaKind.Screen || IsLocalProtocol(address);

    private static RefusedException ForAdmins(string file) => new(
        StatusCodes.Status403Forbidden,
        $"files and devices of the machine, such as {file}, are for admin keys: use an address, a test picture or the browser");

    // Protocols of FFmpeg that lead to files: file:, concat:, pipe:, subfile, and whatever else is no address of a network.
    private static bool IsLocalProtocol(MediaAddress address) => address.Kind == MediaKind.Other
        && !address.Target.StartsWith("rtsp", StringComparison.OrdinalIgnoreCase)
        && !address.Target.StartsWith("rtp://", StringComparison.OrdinalIgnoreCase)
        && !address.Target.StartsWith("tcp://", StringComparison.OrdinalIgnoreCase);
}
