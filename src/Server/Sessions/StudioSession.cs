using System.Security.Cryptography;
using StreamDiff.Client;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Server.Security;

namespace StreamDiff.Server.Sessions;

/// <summary>A session as HTTP knows it, from its description on until after its end. All members may be used from any thread.</summary>
public sealed class StudioSession
{
    private readonly Lock _gate = new();
    private SessionControls? _controls;
    private IReadOnlyList<ControlChange> _standing = [];
    private long _version = 1;

    internal StudioSession(string name, string? canonical, DateTimeOffset created, IReadOnlyList<string> notes)
    {
        (Name, Canonical, Created, Notes) = (name, canonical, created, notes);
        (PublishKey, PlayKey) = (MakeKey(), MakeKey());
    }

    private StudioSession(StudioSession before, DateTimeOffset created)
        : this(before.Name, before.Canonical, created, before.Notes) =>
        (PublishKey, PlayKey, Restarts) = (before.PublishKey, before.PlayKey, true);

    public string Name { get; }

    public DateTimeOffset Created { get; }

    /// <summary>What the user should know, a line each.</summary>
    public IReadOnlyList<string> Notes { get; internal set; }

    /// <summary>Whoever has it may publish to the session.</summary>
    public string PublishKey { get; }

    /// <summary>Whoever has it may watch the session.</summary>
    public string PlayKey { get; }

    /// <summary>The run; null while it is opening, where it never began, and when it is over.</summary>
    public ServedRun? Run { get; private set; }

    public SessionState State { get; private set; }

    /// <summary>Why it failed, in one line.</summary>
    public string? Reason { get; private set; }

    public DateTimeOffset? EndedAt { get; private set; }

    /// <summary>True while it opens or runs.</summary>
    public bool IsAlive => State is SessionState.Opening or SessionState.Running;

    /// <summary>
    /// Grows with each change that is given, by HTTP, a command line, OSC or MIDI; not with signals and what they set off. It is of what
    /// was accepted: <see cref="Controls"/> tells what has taken effect.
    /// </summary>
    public long Version => Interlocked.Read(ref _version);

    /// <summary>What it is steered to; null without a model.</summary>
    public SessionControls? Controls
    {
        get
        {
            lock (_gate)
                return _controls;
        }
    }

    /// <summary>What was last to be told of it; null before its end.</summary>
    internal SessionInfo? Last { get; private set; }

    /// <summary>Done when it is open; fails with why it could not be.</summary>
    internal Task Opening { get; set; } = Task.CompletedTask;

    /// <summary>Its description in one form; null for one that came another way than by HTTP.</summary>
    internal string? Canonical { get; }

    /// <summary>True where it begins again whenever it has failed.</summary>
    internal bool Restarts { get; set; }

    /// <summary>The same session, which begins again.</summary>
    internal StudioSession Again(DateTimeOffset at) => new(this, at);

    /// <summary>Its key of one kind.</summary>
    public string? KeyOf(SessionKey kind) => kind switch
    {
        SessionKey.Play => PlayKey,
        SessionKey.Publish => PublishKey,
        _ => null,
    };

    /// <summary>It is open.</summary>
    /// <param name="run">The run.</param>
    /// <param name="controls">What it begins with; null without a model.</param>
    /// <param name="steering">Tells of changes.</param>
    /// <param name="before">The session that it goes on with, as that was when it was suspended; null for one that begins.</param>
    internal void Began(ServedRun run, SessionControls? controls, StreamControls? steering, StudioSession? before = null)
    {
        lock (_gate)
        {
            Run = run;
            (_controls, _standing) = before?.Controls is { } known ? (known, before._standing) : (controls, []);
            // It may have ended meanwhile.
            if (State == SessionState.Opening)
                State = SessionState.Running;
        }
        if (steering is not null)
            steering.Given += () => Interlocked.Increment(ref _version);
        if (controls is not null && steering is not null)
            steering.Applied += applied => Follow(applied.Change);
    }

    internal void Over(string? reason, DateTimeOffset at)
    {
        lock (_gate)
        {
            if (!IsAlive)
                return;
            (State, Reason, EndedAt) = (reason is null ? SessionState.Ended : SessionState.Failed, reason, at);
        }
    }

    /// <summary>It is over, and what it held is let go of; what was last to be told stays.</summary>
    internal void Forget(SessionInfo last)
    {
        lock (_gate)
            (Last, Run) = (last, null);
    }

    private void Follow(ControlChange change)
    {
        lock (_gate)
            _controls = change switch
            {
                PromptChange p => _controls! with { Prompt = p.Text },
                NoiseScaleChange n => _controls! with { NoiseScale = n.Scale },
                StepsChange s => _controls! with { Steps = s.Steps },
                SeedChange s => _controls! with { Seed = s.Seed },
                SinksChange s => _controls! with
                {
                    Sinks = s.Frames ?? _controls.Sinks,
                    SinkThreshold = s.Threshold ?? _controls.SinkThreshold,
                },
                LoraChange l when _controls!.Loras is { } loras => _controls with
                {
                    Loras = new Dictionary<string, double>(loras) { [l.Name] = l.Strength },
                },
                PauseChange p => _controls! with { Paused = p.IsPaused },
                _ => _controls! with { Standing = Stands(change) },
            };
    }

    private IReadOnlyList<string> Stands(ControlChange change)
    {
        _standing = ControlSum.Of([.. _standing, change]);
        return [.. _standing.Select(c => c.ToString())];
    }

    // Also part of addresses: letters and digits only.
    private static string MakeKey() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(20));
}
