using StreamDiff.Models;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Pipeline.Tests.Host;

// Who may begin, and how those that did share a device that is too slow for all.
public sealed class SessionAdmissionTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public void Start_MoreThanTheDeviceCanDo_IsRefusedWithTheReason()
    {
        // Every pass takes 60 ms: one stream of four chunks a second with two steps needs 48 %.
        var options = new HostOptions { Latency = new LatencyModel(new LatencyTerms(0, 0.06 / 16, 0, 0, 0)) };
        using var host = tiny.Host(options: options);
        var slo = new SessionSlo { Deadline = TimeSpan.FromSeconds(2), TargetFps = 16 };
        SessionRequest Live(string name) => TinyModel.Patient(name) with { KeepsAll = false, Slo = slo };
        using var first = host.Start(Live("first"), f => f.Frame.Dispose());
        var refused = Assert.Throws<AdmissionException>(() => host.Start(Live("second"), f => f.Frame.Dispose()));
        Assert.StartsWith("session second is not admitted: it would load the device to 96 %, 90 % is the most: with 1 step it fits now",
            refused.Message, StringComparison.Ordinal);
        Assert.Single(host.Sessions);
        var one = Live("second");
        host.Start(one with { Sampling = one.Sampling with { Steps = 1 } }, f => f.Frame.Dispose()).Dispose();
    }

    [Fact]
    public void Start_NoLanesLeftOrNameTaken_IsRefused()
    {
        using var host = tiny.Host(options: new HostOptions { Lanes = 3 });
        using var first = host.Start(TinyModel.Patient("first"), f => f.Frame.Dispose());
        Assert.Contains("2 denoising steps need as many lanes; of the pool's 3 only 1 are free",
            Assert.Throws<ModelException>(() => host.Start(TinyModel.Patient("second"), f => f.Frame.Dispose())).Message,
            StringComparison.Ordinal);
        Assert.Contains("named first already",
            Assert.Throws<ModelException>(() => host.Start(TinyModel.Patient("first"), f => f.Frame.Dispose())).Message,
            StringComparison.Ordinal);
        Assert.Equal(2, host.Statistics.LanesLeased);
    }

    [Fact]
    public async Task Overload_EverybodyLate_AllGoOnAlike()
    {
        using var host = tiny.Host();
        var sessions = new List<(Session Session, GivenFrames GivenFrames)>();
        for (var i = 0; i < 3; i++)
        {
            var frames = new GivenFrames();
            var request = TinyModel.Patient($"s{i}", steps: 1 + i) with { Slo = new SessionSlo { Deadline = TimeSpan.FromTicks(1) } };
            sessions.Add((host.Start(request, frames.Add), frames));
        }
        foreach (var (session, _) in sessions)
        {
            tiny.Feed(session, 0, 61, TimeSpan.Zero);
            session.Finish();
        }
        await Task.WhenAny(sessions.Select(s => s.Session.Completed)).WaitAsync(TinyModel.Patience);
        // Steps cost, and who asks for three gets fewer frames for the same share.
        Assert.All(sessions, s =>
            Assert.True(s.GivenFrames.Count >= 61 / 4, $"{s.Session.Name} has {s.GivenFrames.Count} pictures when another has all"));
        await Task.WhenAll(sessions.Select(s => s.Session.Completed)).WaitAsync(TinyModel.Patience);
        Assert.All(sessions, s => Assert.Equal(61, s.Session.Statistics.Late));
        foreach (var (session, _) in sessions)
            session.Dispose();
    }

    [Fact]
    public void Start_PromisesThatMeanNothing_AreRefusedAndOthersGoOn()
    {
        using var host = tiny.Host();
        using var first = host.Start(TinyModel.Patient("first"), f => f.Frame.Dispose());
        var refused = Assert.Throws<ModelException>(
            () => host.Start(TinyModel.Patient("second") with { Slo = new SessionSlo { TargetFps = 0 } }, f => f.Frame.Dispose()));
        Assert.Equal("session second: the target rate must be above 0 and at most 1000 pictures a second", refused.Message);
        Assert.Single(host.Sessions);
    }
}
