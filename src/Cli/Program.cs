Console.WriteLine("streamdiff");
