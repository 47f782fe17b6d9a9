using System.Diagnostics;
using Microsoft.Playwright;
using StreamDiff.Testing;

namespace StreamDiff.Browser.Tests;

/// <summary>Debian's Chromium with a camera made of a file, for all tests of a class.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "DisposeAsync disposes it.")]
public sealed class Chromium : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private IPlaywright? _playwright;

    internal IBrowser Browser { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        var camera = _folder["camera.y4m"];
        using (var ffmpeg = Process.Start("ffmpeg", [
            "-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=320x192:rate=15:duration=2", "-pix_fmt", "yuv420p", camera]))
            await ffmpeg.WaitForExitAsync();
        _playwright = await Playwright.CreateAsync();
        Browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Program,
            Args = [
                "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                $"--use-file-for-fake-video-capture={camera}", "--autoplay-policy=no-user-gesture-required",
            ],
            // Only for a browser that hangs: a busy machine makes everything many times slower.
            Timeout = Patience,
        });
    }

    /// <summary>Milliseconds for what never comes.</summary>
    internal const float Patience = 240_000;

    private static string Program => ((string[])["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"])
        .FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException("These tests need Chromium: scripts/prerequisites chromium installs it.");

    public async Task DisposeAsync()
    {
        if (Browser is not null)
            await Browser.DisposeAsync();
        _playwright?.Dispose();
        _folder.Dispose();
    }

    /// <summary>A window at a studio, ready to be used. What goes wrong in its scripts is told at the end.</summary>
    internal async Task<IPage> Open(Uri studio, string more = "", ViewportSize? size = null, ColorScheme scheme = ColorScheme.Dark)
    {
        var context = await Browser.NewContextAsync(new BrowserNewContextOptions
        {
            ViewportSize = size ?? new ViewportSize { Width = 1280, Height = 860 },
            AcceptDownloads = true,
            ColorScheme = scheme,
        });
        return await Open(context, studio, more);
    }

    internal static async Task<IPage> Open(IBrowserContext context, Uri studio, string more = "")
    {
        context.SetDefaultTimeout(Patience);
        var page = await context.NewPageAsync();
        page.PageError += (_, error) => Console.Error.WriteLine($"page: {error}");
        page.Console += (_, message) => Console.Error.WriteLine($"console: {message.Text}");
        await page.GotoAsync(new Uri(studio, more).ToString());
        await page.WaitForSelectorAsync("body[data-ready=true]");
        return page;
    }
}
