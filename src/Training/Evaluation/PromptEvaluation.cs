using StreamDiff.Models.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Training.Styles;

namespace StreamDiff.Training.Evaluation;

/// <summary>
/// Does a model paint what it says that it takes a prompt for? Prompts as strangers write them, judged by a classifier that never saw the
/// model.
/// </summary>
internal static class PromptEvaluation
{
    private static readonly string[] Prompts =
    [
        "a dragon breathing fire", "a Roman statue", "Mona Lisa", "\U0001F409", "a castle", "cat", "a spaceship in orbit", "van gogh",
        "starry night by van gogh", "Minecraft", "Studio Ghibli",
        "a tiger", "an astronaut on the moon", "underwater", "fire and lava", "zombie apocalypse", "steampunk", "Picasso, cubism",
        "golden robot", "made of glass", "Matrix code",
        "un tableau \u00e0 l'huile", "\u6c34\u5f69\u753b", "xqzt", "a knight", "jungle", "disco", "Lord of the Rings", "a wooden toy",
        "renaissance", "a dragon as an oil painting",
        "a castle, watercolor", "a blueprint of a spaceship", "a Roman statue as a pencil sketch", "Mona Lisa in neon",
        "half ink and wash, half blueprint", "a cartoonish dragon",
        "a mosaic of a knight", "", "a cat in a garden", "sketches", "painted in watercolours", "a winter castle", "noir detective",
        "cyberpunk dragon",
    ];

    private const int Frames = 13;

    public static void Run(
        ModelBundle models, SamplingOptions options, IReadOnlyList<StyleEvaluation.Input> inputs, (int Width, int Height) size,
        Report report)
    {
        using var classifier = StyleEvaluation.Learn(size, models.Vae.Device, knowsPlain: true, clips: 8);
        using var encoder = models.LoadTextEncoder();
        report.Begin(
            $"Prompts: {inputs.Count} inputs", "prompt", "words name", "shares", "taken for", "painted", "PSNR to the input dB", "as told");
        var (told, all) = (0, 0);
        foreach (var text in Prompts)
        {
            using var scope = TorchSharp.torch.NewDisposeScope();
            var (embeddings, reading) = encoder.Read(text);
            using var prompt = models.Transformer.EncodePrompt(embeddings);
            var (painted, likeness, right) = (new List<string>(), 0.0, 0);
            foreach (var input in inputs)
            {
                var clip = input.Clip.narrow(0, 0, Frames);
                var output = StreamRunner.Run(models, options, prompt, clip);
                var label = classifier.Of(StyleStatistics.Of(clip, output));
                painted.Add(label < StyleBank.All.Count ? StyleBank.All[label].Name : "as it was");
                likeness += Measures.Psnr(output, clip) / inputs.Count;
                right += reading.TakenFor.Count == 0
                    ? label == StyleBank.All.Count ? 1 : 0
                    : reading.TakenFor.Contains(painted[^1]) ? 1 : 0;
            }
            (told, all) = (told + right, all + inputs.Count);
            var counts = painted.GroupBy(p => p).OrderByDescending(g => g.Count())
                .Select(g => g.Count() == inputs.Count ? g.Key : $"{g.Key} ({g.Count()})");
            report.Row(text.Length == 0 ? "(empty)" : text, Join(reading.Words?.Styles ?? []),
                Join([.. reading.Shares.Select(s => FormattableString.Invariant($"{s.Style} {s.Share:0.00}"))]), Join(reading.TakenFor),
                string.Join(", ", counts), likeness, $"{right} of {inputs.Count}");
        }
        report.Row("all", "", "", "", "", "", $"{told} of {all}");
    }

    private static string Join(IReadOnlyList<string> styles) => styles.Count == 0 ? "-" : string.Join(" + ", styles);
}
