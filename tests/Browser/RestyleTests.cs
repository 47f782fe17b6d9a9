using StreamDiff.Models.Registry;

namespace StreamDiff.Browser.Tests;

/// <summary>The page with the small default model, as it comes.</summary>
public sealed class RestyleTests(Chromium chromium) : IClassFixture<Chromium>
{
    [Fact]
    public async Task Webcam_ComesBackInTheStyleOfThePrompt_AndInTheNextOneWhenItIsChosen()
    {
        using var studio = new Studio("--size", "96x64", "--fps", "8");
        var page = await chromium.Open(await studio.Address);
        await page.FillAsync("#prompt", "pencil sketch");
        await page.Press("fromWebcam");
        // The camera's picture is all colour; a pencil has none.
        await page.WaitForFrames(12);
        var pencil = await page.Colourfulness();
        Assert.InRange(pencil, 0, 60);
        await page.ClickAsync("#styles button:has-text('blueprint')");
        await page.WaitFor(
            """
            (() => {
              const canvas = document.getElementById('after');
              const { data } = canvas.getContext('2d').getImageData(0, canvas.height >> 2, canvas.width, canvas.height >> 1);
              let [red, blue] = [0, 0];
              for (let i = 0; i < data.length; i += 4) { red += data[i]; blue += data[i + 2]; }
              return blue > red + 25 * data.length / 4;
            })()
            """);
        Assert.Equal("true", await page.GetAttributeAsync("#styles button:has-text('blueprint')", "aria-pressed"));
        Assert.Equal("blueprint", await page.InputValueAsync("#prompt"));
        await page.Press("stop");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task PlayLive_PresetTapAndMidi_SteerTheSession()
    {
        using var studio = new Studio("--size", "96x64", "--fps", "8");
        using var client = new StreamDiff.Client.StudioClient(await studio.Address);
        var page = await chromium.Open(await studio.Address);
        await page.FillAsync("#prompt", "winter");
        await page.Press("fromWebcam");
        await page.WaitForFrames(4);
        await page.EvaluateAsync(
            """
            () => {
              window.fader = { name: 'test fader', onmidimessage: null };
              navigator.requestMIDIAccess = async () => ({ inputs: new Map([['1', window.fader]]), onstatechange: null });
            }
            """);
        await page.ClickAsync("#play summary");
        await page.ClickAsync("#midi");
        await page.WaitFor("document.getElementById('midiText').textContent === 'test fader'");
        await page.ClickAsync("#learn");
        await page.WaitFor("document.getElementById('midiText').textContent === 'move a controller'");
        await page.EvaluateAsync("() => window.fader.onmidimessage({ data: [0xb0, 74, 127] })");
        // The top of what is of use with the model.
        await Until(c => c.NoiseScale == 0.45);
        await page.FillAsync("#command", "on midi.note36 seed next 7");
        await page.PressAsync("#command", "Enter");
        await page.WaitFor("document.getElementById('command').value === ''");
        await page.EvaluateAsync("() => window.fader.onmidimessage({ data: [0x90, 36, 100] })");
        await Until(c => c.Seed == 7);
        await page.ClickAsync("#tap");
        await page.ClickAsync("#tap");
        Assert.Matches("[0-9.]+ a minute", await page.TextContentAsync("#tempo"));
        // The region follows the pointer, and the log of events says where it is.
        await page.SelectOptionAsync("#repaint", "pointer");
        await page.Locator("#after").ScrollIntoViewIfNeededAsync();
        var stage = (await page.Locator("#after").BoundingBoxAsync())!;
        await page.Mouse.MoveAsync(stage.X + stage.Width / 4, stage.Y + stage.Height / 2);
        await page.Mouse.MoveAsync(stage.X + stage.Width / 4 + 1, stage.Y + stage.Height / 2);
        await WaitUntil(() => Task.FromResult(studio.Said.Contains("region ellipse 0.25", StringComparison.Ordinal)));
        await page.SelectOptionAsync("#repaint", "");
        await page.ClickAsync("#presets button:has-text('neon')");
        await Until(c => c is { Prompt: "neon", Steps: 2 });
        await page.Show("play.jpg");
        // What somebody else has changed is seen here.
        var name = Assert.Single(await client.GetSessions()).Name;
        _ = await client.Control(
            name, new StreamDiff.Client.ControlRequest { Commands = ["map sound.bass noise 0.3 0.4", "quantize 4", "tempo 96"] });
        await page.WaitFor("document.getElementById('follow').value === 'sound.bass'");
        await page.WaitFor("document.getElementById('quantize').value === '4'");
        Assert.Equal("96 a minute", await page.TextContentAsync("#tempo"));
        await page.Press("stop");

        Task Until(Func<StreamDiff.Client.SessionControls, bool> isReached) =>
            WaitUntil(async () => isReached(Assert.Single(await client.GetSessions()).Controls!));

        async Task WaitUntil(Func<Task<bool>> isReached)
        {
            var patience = TimeSpan.FromMilliseconds(Chromium.Patience);
            var waited = System.Diagnostics.Stopwatch.StartNew();
            while (!await isReached())
            {
                Assert.True(waited.Elapsed < patience, studio.Said);
                await page.WaitForFrames(1);
            }
        }
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Slider_OfALora_IsThereAndChangesThePicture()
    {
        var example = Path.Combine(new ModelCatalog().Find("tiny").Folder, "loras", "dusk.safetensors");
        using var studio = new Studio("--size", "96x64", "--fps", "8", "--lora", $"{example}:0", "--lora-live");
        var page = await chromium.Open(await studio.Address);
        Assert.False(await page.IsVisibleAsync("#loras"));
        await page.FillAsync("#prompt", "dusk");
        await page.Press("fromWebcam");
        await page.WaitForFrames(4);
        Assert.Equal("dusk", await page.TextContentAsync("#loras label"));
        Assert.Equal("0", await page.InputValueAsync("#loras input"));
        await page.Show("lora.jpg");
        await page.EvaluateAsync(
            """
            () => {
              const slider = document.querySelector('#loras input');
              slider.value = '1';
              slider.dispatchEvent(new Event('input'));
            }
            """);
        // Navy over coral to cream: red leads everywhere, as it does in no picture of the camera.
        while ((await page.MeanColour()) is var mean && mean[0] < mean[1] + 30)
            await page.WaitForFrames(1);
        Assert.Equal("1.00", await page.TextContentAsync("#loras output"));
        await page.Press("stop");
        await page.WaitFor("document.getElementById('loras').hidden");
    }
}
