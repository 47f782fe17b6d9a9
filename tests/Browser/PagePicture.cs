using Microsoft.Playwright;

namespace StreamDiff.Browser.Tests;

/// <summary>What a user of the page sees and does.</summary>
internal static class PagePicture
{
    private const string Frames = "() => window.streamdiff.studio.viewer?.player.frames ?? 0";

    /// <summary>Frames shown so far.</summary>
    public static Task<int> FramesShown(this IPage page) => page.EvaluateAsync<int>(Frames);

    /// <summary>Waits until so many more frames have been shown.</summary>
    public static async Task WaitForFrames(this IPage page, int more)
    {
        var before = await page.FramesShown();
        await page.WaitFor($"(window.streamdiff.studio.viewer?.player.frames ?? 0) >= {before + more}");
    }

    /// <summary>Waits until an expression is true.</summary>
    public static Task WaitFor(this IPage page, string expression) => page.WaitForFunctionAsync(
        $"() => {expression}", null, new PageWaitForFunctionOptions { PollingInterval = 100, Timeout = Chromium.Patience });

    /// <summary>Mean red, green and blue of the picture, 0 to 255, without the rows of the time code.</summary>
    public static Task<double[]> MeanColour(this IPage page, string canvas = "after") => page.EvaluateAsync<double[]>(
        """
        (id) => {
          const canvas = document.getElementById(id);
          const { data } = canvas.getContext('2d').getImageData(0, canvas.height >> 2, canvas.width, canvas.height >> 1);
          const sums = [0, 0, 0];
          for (let i = 0; i < data.length; i++) if (i % 4 < 3) sums[i % 4] += data[i];
          return sums.map((sum) => sum / (data.length / 4));
        }
        """, canvas);

    /// <summary>Mean distance of each pixel's largest and smallest colour: 0 is grey.</summary>
    public static Task<double> Colourfulness(this IPage page, string canvas = "after") => page.EvaluateAsync<double>(
        """
        (id) => {
          const canvas = document.getElementById(id);
          const { data } = canvas.getContext('2d').getImageData(0, canvas.height >> 2, canvas.width, canvas.height >> 1);
          let sum = 0;
          for (let i = 0; i < data.length; i += 4) {
            const colours = data.subarray(i, i + 3);
            sum += Math.max(...colours) - Math.min(...colours);
          }
          return sum / (data.length / 4);
        }
        """, canvas);

    /// <summary>Writes a picture of the page where somebody asks for them; for the documentation.</summary>
    public static async Task Show(this IPage page, string name)
    {
        var options = new PageScreenshotOptions { Type = ScreenshotType.Jpeg, Quality = 82 };
        if (Environment.GetEnvironmentVariable("STREAMDIFF_SCREENSHOTS") is { Length: > 0 } folder)
            await page.ScreenshotAsync(new PageScreenshotOptions(options) { Path = Path.Combine(folder, name) });
    }

    /// <summary>Chooses size and rate of the next session.</summary>
    public static async Task Choose(this IPage page, string size, string fps) => await page.EvaluateAsync(
        "([size, fps]) => { document.getElementById('size').value = size; document.getElementById('fps').value = fps; }",
        new[] { size, fps });

    /// <summary>Clicks a button of the page.</summary>
    public static Task Press(this IPage page, string id) => page.ClickAsync($"#{id}");
}
