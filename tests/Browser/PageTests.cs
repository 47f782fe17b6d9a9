using System.Diagnostics;
using System.Globalization;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using StreamDiff.Client;
using StreamDiff.Testing;

namespace StreamDiff.Browser.Tests;

/// <summary>The page in a real browser, frames passed through: everything but the model.</summary>
public sealed class PageTests(Chromium chromium, PageTests.PassThrough studio)
    : IClassFixture<Chromium>, IClassFixture<PageTests.PassThrough>, IDisposable
{
    private const string Size = "160x96";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Webcam_OneClick_IsSeen_ByASecondTabToo_IsRecorded_AndOutlivesTheReload()
    {
        var page = await chromium.Open(await studio.Address);
        await Smaller(page);
        await page.Press("fromWebcam");
        await page.WaitForFrames(5);
        // Black stands in until the camera is there.
        while ((await page.MeanColour()).Any(mean => mean is < 40 or > 220))
            await page.WaitForFrames(1);

        // A second tab, by the link of the first.
        var second = await page.Context.NewPageAsync();
        await second.GotoAsync(page.Url);
        await second.WaitForFrames(3);
        Assert.False(await second.EvaluateAsync<bool>("() => !!window.streamdiff.studio.publisher"));
        await second.CloseAsync();

        await page.Press("record");
        await page.WaitForFrames(30);
        var download = await page.RunAndWaitForDownloadAsync(() => page.Press("record"));
        var file = _folder["recorded.mp4"];
        await download.SaveAsAsync(file);
        Assert.Equal("h264,160,96", Probe(file, "v", "codec_name,width,height"));
        Assert.Equal("opus", Probe(file, "a", "codec_name"));
        Assert.Equal("", Tool("ffmpeg", "-v", "error", "-nostdin", "-xerror", "-i", file, "-f", "null", "-"));
        Assert.InRange(int.Parse(Probe(file, "v", "nb_read_packets"), CultureInfo.InvariantCulture), 20, 400);

        // The session goes on without its browser, and the browser goes on with its session.
        var name = await page.EvaluateAsync<string>("() => window.streamdiff.studio.name");
        await page.ReloadAsync();
        await page.WaitForFrames(3);
        await page.WaitFor("window.streamdiff.studio.publisher?.sent > 0");
        Assert.Equal(name, await page.EvaluateAsync<string>("() => window.streamdiff.studio.name"));

        await page.Press("stop");
        await page.WaitForSelectorAsync("#start:visible");
    }

    [Fact]
    public async Task Session_WithoutAWorkerForNow_IsNotGone()
    {
        var page = await chromium.Open(await studio.Address);
        const string Address = "**/api/v1/sessions/away";
        foreach (var (state, isThere) in new[] { ("queued", true), ("suspended", true), ("running", true), ("ended", false) })
        {
            await page.RouteAsync(Address, route => route.FulfillAsync(
                new() { ContentType = "application/json", Body = $$"""{"name":"away","state":"{{state}}"}""" }));
            Assert.Equal(isThere, await page.EvaluateAsync<bool>(
                "async () => (await import(new URL('js/api.js', document.baseURI))).api.exists('away')"));
            await page.UnrouteAsync(Address);
        }
    }

    [Fact]
    public async Task Network_CutAndBack_TheSameSessionGoesOn()
    {
        using var wire = new CutWire(await studio.Address);
        var page = await chromium.Open(wire.Address);
        await Smaller(page);
        await page.Press("fromWebcam");
        await page.WaitForFrames(3);
        var name = await page.EvaluateAsync<string>("() => window.streamdiff.studio.name");
        wire.Cut();
        await page.WaitForSelectorAsync("#overlay:has-text('lost')");
        wire.Mend();
        await page.WaitForFrames(5);
        var sent = await page.EvaluateAsync<int>("() => window.streamdiff.studio.publisher.sent");
        await page.WaitFor($"window.streamdiff.studio.publisher.sent > {sent}");
        Assert.Equal(name, await page.EvaluateAsync<string>("() => window.streamdiff.studio.name"));
        await page.Press("stop");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Clip_Compared_ShowsBothSides_AndABrowserWithoutWebCodecsShowsItToo()
    {
        var page = await chromium.Open(await studio.Address);
        await Smaller(page);
        await page.Press("fromClip");
        await page.WaitForFrames(3);
        await page.Keyboard.PressAsync("b");
        await page.WaitFor("document.getElementById('before').width === 160 && !document.getElementById('before').hidden");
        await page.WaitFor(
            "document.getElementById('before').getContext('2d').getImageData(80, 60, 1, 1).data.slice(0, 3).some((v) => v > 8)");
        var (before, after) = (await page.MeanColour("before"), await page.MeanColour());
        Assert.All(before.Zip(after, (b, a) => Math.Abs(a - b)), difference => Assert.InRange(difference, 0, 25));

        var old = await chromium.Open(await studio.Address, "?player=mse" + new Uri(page.Url).Fragment);
        const string Video = "document.querySelector('video.after')";
        await old.WaitFor($"{Video}?.currentTime > 0.5 && {Video}.videoWidth === 160");
        await old.CloseAsync();
        await page.Press("stop");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Page_OnAPhone_FitsAndHasNoSeriousFindings()
    {
        var page = await chromium.Open(await studio.Address, size: Phone);
        await Smaller(page);
        await page.Press("fromClip");
        await page.WaitForFrames(3);
        await AssertFits(page);
        await AssertAccessible(page);
        await page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = ColorScheme.Light });
        await page.ClickAsync("#goSessions");
        await page.WaitForSelectorAsync(".card .figures:has-text('fps')");
        await AssertFits(page);
        await AssertAccessible(page);
        page.Dialog += (_, dialog) => _ = dialog.AcceptAsync();
        await page.ClickAsync(".card .danger");
        await page.WaitForSelectorAsync("#noSessions:visible");
    }

    [Theory]
    [InlineData(ColorScheme.Dark)]
    [InlineData(ColorScheme.Light)]
    [Trait("Category", "Slow")]
    public async Task EachScreen_InBothColourSchemes_HasNoSeriousFindings(ColorScheme scheme)
    {
        var page = await chromium.Open(await studio.Address, size: Phone, scheme: scheme);
        await AssertFits(page);
        await AssertAccessible(page);
        await page.ClickAsync("summary:has-text('More')");
        await page.Press("fromObs");
        await page.WaitForSelectorAsync("#obs:visible");
        await AssertAccessible(page);
        await page.Press("compare");
        await page.Press("help");
        await AssertAccessible(page);
        await page.Keyboard.PressAsync("Escape");
        await page.Press("stop");
        await page.ClickAsync("#goSessions");
        await page.ClickAsync("#newSession summary");
        await page.FillAsync("[name=name]", "a");
        await page.FillAsync("[name=input]", "nowhere.mp4");
        await page.ClickAsync("#newForm button");
        await page.WaitForSelectorAsync("#refusal:visible");
        await AssertAccessible(page);
        await AssertFits(page);
    }

    [Fact]
    public async Task Sessions_WrongWish_IsRefusedInWords()
    {
        var page = await chromium.Open(await studio.Address, "#sessions");
        await page.ClickAsync("#newSession summary");
        await page.FillAsync("[name=name]", "wrong");
        await page.FillAsync("[name=input]", "test:scene");
        await page.FillAsync("[name=size]", "huge");
        await page.ClickAsync("#newForm button");
        await page.WaitForSelectorAsync("#refusal:has-text('size')");
    }

    [Fact]
    public async Task Sessions_AddressForPlayers_IsCopied_WithTheSessionsKey_AndIsAPlaylist()
    {
        using var locked = Studio.Locked(out var key, "--model", "passthrough");
        var address = await locked.Address;
        using var client = new StudioClient(address, key);
        var session = await client.StartSession(new NewSession { Name = "shown", Input = "test:testsrc2?size=160x96&rate=15&duration=0" });
        var context = await chromium.Browser.NewContextAsync();
        await context.GrantPermissionsAsync(["clipboard-read", "clipboard-write"]);
        var login = await context.APIRequest.PostAsync(new Uri(address, "api/v1/login").ToString(), new() { DataObject = new { key } });
        Assert.True(login.Ok);
        var page = await Chromium.Open(context, address, "#sessions");
        await page.ClickAsync(".card label button");
        await page.WaitForSelectorAsync("#news:has-text('Copied')");
        var copied = await page.EvaluateAsync<string>("() => navigator.clipboard.readText()");
        Assert.Equal(new Uri(address, $"api/v1/sessions/shown/hls/index.m3u8?key={session.PlayKey}").ToString(), copied);
        using var http = new HttpClient();
        // Where nothing came in time players ask again.
        var left = 20;
        HttpResponseMessage answer;
        do
            answer = await http.GetAsync(copied);
        while (answer.StatusCode == System.Net.HttpStatusCode.ServiceUnavailable && --left > 0);
        Assert.StartsWith("#EXTM3U", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static ViewportSize Phone => new() { Width = 390, Height = 844 };

    private static async Task AssertFits(IPage page) =>
        Assert.True(await page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"));

    private static async Task AssertAccessible(IPage page)
    {
        var found = await page.RunAxe(new AxeRunOptions
        {
            RunOnly = new RunOnlyOptions { Type = "tag", Values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] },
        });
        Assert.Empty(found.Violations.Where(v => v.Impact is "serious" or "critical")
            .Select(v => $"{v.Id}: {v.Help}: {string.Join(", ", v.Nodes.Select(n => n.Html))}"));
    }

    // A small picture: what is tested is the page.
    private static Task Smaller(IPage page) => page.Choose(Size, "15");

    private static string Probe(string file, string kind, string fields) => Tool(
        "ffprobe", "-v", "error", "-count_packets", "-select_streams", kind, "-show_entries", $"stream={fields}", "-of", "csv=p=0", file);

    private static string Tool(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var text = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors.Result);
        return text;
    }

    /// <summary>A studio without a model, for all tests of the class.</summary>
    public sealed class PassThrough : IDisposable
    {
        private readonly Studio _studio = new("--model", "passthrough");

        public Task<Uri> Address => _studio.Address;

        public void Dispose() => _studio.Dispose();
    }
}
