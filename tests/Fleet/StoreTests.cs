using System.Net;
using StreamDiff.Client;
using StreamDiff.Fleet.Tests.Support;
using StreamDiff.Testing;

namespace StreamDiff.Fleet.Tests;

/// <summary>Fronts that share a store: Debian's Redis and PostgreSQL.</summary>
public sealed class StoreTests
{
    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("redis")]
    [InlineData("postgres")]
    public async Task Fleet_InAStore_HasTwoFronts_AndGoesOnWithWhatItKeptWhenBothBeginAnew(string kind)
    {
        using var folder = new TempFolder();
        using var store = (kind == "redis" ? Store.Redis(folder[[]]) : Store.Postgres(folder[[]])).Begin();
        await using var fleet = await TestFleet.Start(20, "--cluster", store.Option);
        _ = await fleet.StartWorker();
        var (second, address) = await fleet.StartSecondFront();
        _ = await fleet.Client.StartSession(TestFleet.Passed("show", "test:testsrc2?size=64x64&rate=5&duration=0"));
        using var other = new StudioClient(address);
        await fleet.Until(async () => await HasFrames(other), "the other front knows it");
        var keys = (await other.GetSession("show")).PublishKey;

        second.Kill();
        fleet.Front.Kill();
        await fleet.Front.Ended();
        await fleet.StartFront();
        await fleet.Until(async () => await HasFrames(fleet.Client), "it is known again");
        Assert.Equal(keys, (await fleet.Client.GetSession("show")).PublishKey);
        await fleet.Client.StopSession("show");
        await fleet.Client.StopSession("show");
        await fleet.Until(async () => (await fleet.Client.GetSessions()).Count == 0, "it is forgotten");
    }

    [Fact]
    public async Task Front_WithoutItsStore_SaysSoInOneLine()
    {
        using var folder = new TempFolder();
        using var front = FleetProcess.Streamdiff(
            folder[[]], "fleet", "--front-only", "--model", "passthrough", "--http", "127.0.0.1:0", "--data", folder["fleet"], "--cluster",
            $"postgres:Host=127.0.0.1;Port={TestFleet.FreePort()};Username=nobody;Timeout=2");
        await front.Ended();
        Assert.Equal(1, front.ExitCode);
        Assert.Contains(front.Lines, l => l.StartsWith("error: the fleet cannot begin: PostgreSQL:", StringComparison.Ordinal));
        Assert.DoesNotContain(front.Lines, l => l.Contains("   at ", StringComparison.Ordinal));
    }

    private static async Task<bool> HasFrames(StudioClient client)
    {
        try
        {
            return await client.GetSession("show") is { State: SessionState.Running, Status.FramesOut: > 0 };
        }
        catch (Exception e) when (e is StudioException { Status: HttpStatusCode.NotFound or HttpStatusCode.ServiceUnavailable }
            or HttpRequestException)
        {
            return false;
        }
    }
}
