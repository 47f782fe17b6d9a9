using Microsoft.Playwright;

namespace StreamDiff.Browser.Tests;

/// <summary>
/// Pictures of the page for the documentation, written to the folder that STREAMDIFF_SCREENSHOTS names; without it, that the page comes so
/// far.
/// </summary>
[Trait("Category", "Slow")]
public sealed class ScreenshotTests(Chromium chromium) : IClassFixture<Chromium>
{
    [Fact]
    public async Task Page_WithTiny_InAllItsScreens()
    {
        using var studio = new Studio("--size", "320x192");
        var page = await chromium.Open(await studio.Address);
        await page.Show("studio-start.jpg");
        await page.ClickAsync("#styles button:has-text('cyberpunk')");
        await page.Press("fromClip");
        await page.WaitForFrames(30);
        await page.Press("compare");
        await page.WaitFor("document.getElementById('before').width === 320");
        // What goes in waits for what is made from it.
        await page.WaitFor(
            "document.getElementById('before').getContext('2d').getImageData(30, 100, 1, 1).data.slice(0, 3).some((v) => v > 30)");
        await page.WaitForFrames(2);
        await page.Show("studio.jpg");

        var phone = await chromium.Open(await studio.Address, new Uri(page.Url).Fragment, new ViewportSize { Width = 390, Height = 844 },
            ColorScheme.Light);
        await phone.WaitForFrames(10);
        await phone.Show("studio-phone.jpg");
        await phone.CloseAsync();

        await page.ClickAsync("#goSessions");
        await page.WaitForSelectorAsync(".card .figures:has-text('fps')");
        await page.WaitFor("document.querySelector('.card polyline').points.length > 8");
        await page.SetViewportSizeAsync(1280, 1010);
        await page.Show("studio-sessions.jpg");
    }
}
